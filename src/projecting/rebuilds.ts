import type { Pool, PoolClient } from 'pg'
import { rebuildLockMsMax } from '../../protocol/limits-rebuild.ts'
import type { Versioned } from './batch.ts'
import { pause } from './pause.ts'
import type { RebuildProgress, RebuildWork, Rebuilt } from './rebuild.ts'

export type RebuildOptions = {
  readonly onProgress?: (progress: RebuildProgress) => void
  /** Breaks it off: nothing was changed then, and it throws. */
  readonly signal?: AbortSignal
}

export type RebuildOutcome =
  | { readonly kind: 'rebuilt'; readonly models: readonly Rebuilt[] }
  /** Another node keeps the read models: `leader` says which, where Postgres tells. */
  | { readonly kind: 'not-leading'; readonly leader: string | undefined }
  | { readonly kind: 'under-way' }
  | { readonly kind: 'unknown-projection'; readonly name: string }
  /** Whatever was tried, something that it needs was away: nothing was changed. */
  | { readonly kind: 'unavailable' }

type Progressing = Pick<RebuildWork, 'client' | 'onProgress' | 'signal'>

type Given<Model extends Versioned> = {
  readonly pool: Pool
  readonly projections: readonly Model[]
  /** The end of the lead ends a rebuild too. */
  readonly ending: AbortSignal
  readonly rebuild: (work: Progressing, wanted: readonly Model[]) => Promise<readonly Rebuilt[]>
  /** Drops what a rebuild that was broken off left behind. */
  readonly drop: (client: PoolClient) => Promise<unknown>
}

// Any number that nobody else locks with in a pair.
const lock = 7_214_004
const tryLock = 'select pg_try_advisory_lock($1, hashtext($2)) as locked'
const unlock = 'select pg_advisory_unlock($1, hashtext($2))'
const lockPollMs = 100

/** Rebuilds of one leader: one at a time, on a connection of their own. */
export const createRebuilds = <Model extends Versioned>({
  pool,
  projections,
  ending,
  rebuild,
  drop,
}: Given<Model>) => {
  let underWay = false

  const key = projections.map(({ name }) => name).join()

  /** One that led before, here or elsewhere, may still be at dropping what it left behind. */
  const locked = async (client: PoolClient): Promise<boolean> => {
    for (let waitedMs = 0; waitedMs < rebuildLockMsMax; waitedMs += lockPollMs) {
      const { rows } = await client.query<{ locked: boolean }>(tryLock, [lock, key])
      if (rows[0]?.locked) return true
      await pause(lockPollMs, ending)
    }
    return false
  }

  const run = async (
    wanted: readonly Model[],
    { onProgress = () => {}, signal }: RebuildOptions,
  ): Promise<RebuildOutcome> => {
    const client = await pool.connect()
    let broken: Error | undefined
    const onError = (error: Error) => {
      broken = error
    }
    client.on('error', onError)
    try {
      if (!(await locked(client))) return { kind: 'under-way' }
      const either = signal ? AbortSignal.any([signal, ending]) : ending
      const models = await rebuild({ client, onProgress, signal: either }, wanted)
      return { kind: 'rebuilt', models }
    } catch (error) {
      await drop(client).catch(onError)
      throw error
    } finally {
      await client.query(unlock, [lock, key]).catch(onError)
      client.off('error', onError)
      client.release(broken)
    }
  }

  return async (
    names: readonly string[] | undefined,
    options: RebuildOptions,
  ): Promise<RebuildOutcome> => {
    const unknown = names?.find((name) => projections.every((one) => one.name !== name))
    if (unknown !== undefined) return { kind: 'unknown-projection', name: unknown }
    if (underWay) return { kind: 'under-way' }
    underWay = true
    try {
      const wanted = projections.filter(({ name }) => names === undefined || names.includes(name))
      return await run(wanted, options)
    } finally {
      underWay = false
    }
  }
}

/** Who holds the advisory lock, as its connection to Postgres says of itself. */
export const leaderOf = async (pool: Pool, lock: number): Promise<string | undefined> => {
  const { rows } = await pool.query<{ leader: string }>(
    `select a.application_name as leader from pg_locks l join pg_stat_activity a on a.pid = l.pid
     where l.locktype = 'advisory' and l.granted and l.classid = 0 and l.objid = $1
       and l.database = (select oid from pg_database where datname = current_database())`,
    [lock],
  )
  return rows[0]?.leader
}

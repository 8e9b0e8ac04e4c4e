import type { Pool, PoolClient } from 'pg'
import type { Versioned } from './batch.ts'
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

/** Rebuilds of one leader: one at a time, on a connection of their own. */
export const createRebuilds = <Model extends Versioned>({
  pool,
  projections,
  ending,
  rebuild,
  drop,
}: Given<Model>) => {
  let underWay = false

  const run = async (
    wanted: readonly Model[],
    { onProgress = () => {}, signal }: RebuildOptions,
  ): Promise<readonly Rebuilt[]> => {
    const client = await pool.connect()
    let broken: Error | undefined
    client.on('error', (error) => {
      broken = error
    })
    try {
      const either = signal ? AbortSignal.any([signal, ending]) : ending
      return await rebuild({ client, onProgress, signal: either }, wanted)
    } catch (error) {
      await drop(client).catch((failed: Error) => {
        broken = failed
      })
      throw error
    } finally {
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
      return { kind: 'rebuilt', models: await run(wanted, options) }
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

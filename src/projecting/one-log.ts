import type { Pool, PoolClient } from 'pg'
import type { EventStore } from '../store/event-store.ts'
import type { Log } from '../store/log.ts'
import { migrate, migrationLock } from './migrate.ts'

type Deps = {
  readonly pool: Pool
  readonly store: EventStore
  readonly log: Log
  /** A stream that this log has, and that stays. */
  readonly stream: string
}

/** Where a stream begins and when its store took that event in. A copy of the log, which has other positions, took it in later. */
const beginningOf = async (store: EventStore, stream: string): Promise<string | undefined> => {
  const [first] = await store.readPage(stream, { count: 1, order: 'asc' })
  return first && `${first.position}@${first.createdMs}`
}

type Mark = { readonly stream: string; readonly beginning: string }

const markIn = async (client: PoolClient): Promise<Mark | undefined> => {
  await client.query(
    'create table if not exists public.lapel_log (stream text not null, beginning text not null)',
  )
  const { rows } = await client.query<Mark>('select stream, beginning from public.lapel_log')
  return rows[0]
}

const dropReadModels = async (client: PoolClient): Promise<void> => {
  await client.query('drop schema if exists live cascade')
  await client.query("delete from public.lapel_schema where name like '%-live%'")
  await client.query('delete from public.lapel_log')
}

const isAnother = async (client: PoolClient, { store, stream }: Deps): Promise<boolean> => {
  const known = await markIn(client)
  if (known && (await beginningOf(store, known.stream)) === known.beginning) return false
  if (known) await dropReadModels(client)
  const beginning = await beginningOf(store, stream)
  if (beginning === undefined) throw new Error(`the log has no stream ${stream}`)
  await client.query('insert into public.lapel_log (stream, beginning) values ($1, $2)', [
    stream,
    beginning,
  ])
  return known !== undefined
}

/**
 * The read models are the fold of one log, and their checkpoints are positions in it. Where the event store has another one by now (a
 * copy, after a move), they are dropped and made anew, to be folded from its beginning. Throws what `migrate` throws.
 */
export const keepToOneLog = async (deps: Deps): Promise<void> => {
  const client = await deps.pool.connect()
  let another = false
  try {
    await client.query('begin')
    await client.query('select pg_advisory_xact_lock($1)', [migrationLock])
    another = await isAnother(client, deps)
    await client.query('commit')
  } catch (error) {
    await client.query('rollback').catch(() => {})
    throw error
  } finally {
    client.release()
  }
  if (!another) return
  deps.log.warn({}, 'the event store has another log than before: the read models are folded anew')
  await migrate(deps.pool)
}

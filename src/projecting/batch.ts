import type { PoolClient } from 'pg'
import type { LogEvent } from '../../projections/log-event.ts'
import type { AnyProjection } from '../../projections/projection.ts'
import { RowBatch, type RowCache } from './row-batch.ts'
import { isNotMoved, readRows, removeRows, writeRows } from './statements.ts'

/** Somebody else moved the checkpoint: this projector no longer leads, and nothing of its batch is kept. */
export class CheckpointMoved extends Error {
  override readonly name = 'CheckpointMoved'
}

/** What a checkpoint is kept of. */
export type Versioned = Pick<AnyProjection, 'name' | 'version'>

/** How far each projection has come; `null`: it has not begun. */
export type Checkpoints = ReadonlyMap<string, bigint | null>

/** The least of them; `null` where one has not begun. */
export const least = (checkpoints: Checkpoints): bigint | null => {
  const all = [...checkpoints.values()].filter((one) => one !== null)
  if (all.length < checkpoints.size) return null
  return all.sort((a, b) => (a < b ? -1 : 1))[0] ?? null
}

export type Batch = {
  readonly schema: string
  readonly projections: readonly AnyProjection[]
  readonly events: readonly LogEvent[]
  readonly from: Checkpoints
  readonly to: bigint
  readonly caches?: ReadonlyMap<string, RowCache>
}

/** Reads and makes where there is none. */
export const loadCheckpoints = async (
  client: PoolClient,
  schema: string,
  projections: readonly Versioned[],
): Promise<Checkpoints> => {
  const names = projections.map(({ name }) => name)
  const versions = projections.map(({ version }) => version)
  await client.query(
    `insert into ${schema}.checkpoints (projection, version) select * from unnest($1::text[], $2::int[]) on conflict do nothing`,
    [names, versions],
  )
  const { rows } = await client.query<{ projection: string; commit: string | null }>(
    `select c.projection, c.commit from ${schema}.checkpoints c
     join unnest($1::text[], $2::int[]) as p (name, version) on p.name = c.projection and p.version = c.version`,
    [names, versions],
  )
  return new Map(
    rows.map(({ projection, commit }) => [projection, commit === null ? null : BigInt(commit)]),
  )
}

/** All of the work, or none. `begin` may say how it is isolated. */
export const inTransaction = async <Result>(
  client: PoolClient,
  begin: string,
  work: () => Promise<Result>,
): Promise<Result> => {
  await client.query(begin)
  try {
    const result = await work()
    await client.query('commit')
    return result
  } catch (error) {
    await client.query('rollback').catch(() => {})
    throw error
  }
}

type Moving = Pick<Batch, 'schema' | 'from' | 'to'> & { readonly projections: readonly Versioned[] }

const moveWith = async (
  client: PoolClient,
  { schema, projections, from, to }: Moving,
  tables: readonly RowBatch[],
): Promise<void> => {
  const behind = projections.filter(({ name }) => (from.get(name) ?? -1n) < to)
  if (behind.length === 0) return
  try {
    await writeRows(client, schema, tables, {
      names: behind.map(({ name }) => name),
      versions: behind.map(({ version }) => version),
      before: behind.map(({ name }) => from.get(name)?.toString() ?? null),
      to: to.toString(),
    })
  } catch (cause) {
    if (!isNotMoved(cause)) throw cause
    throw new CheckpointMoved(`the checkpoints of ${schema} were moved by another`, { cause })
  }
}

/** Compare and set: who lost the lead loses the whole batch. */
export const moveCheckpoints = (client: PoolClient, moving: Moving): Promise<void> =>
  moveWith(client, moving, [])

/**
 * What it reads stands until the checkpoints say otherwise, and then nothing is written: where nothing has to go first, one statement
 * reads, one writes, and a transaction round them would be two round trips more.
 */
const run = async (client: PoolClient, batch: Batch): Promise<readonly RowBatch[]> => {
  const tables = batch.projections.flatMap((projection) => {
    const from = batch.from.get(projection.name) ?? -1n
    const fresh = batch.events.filter(({ position }) => position > from)
    if (fresh.length === 0) return []
    const table = new RowBatch(projection, batch.caches?.get(projection.name))
    table.add(fresh)
    return [table]
  })
  await readRows(client, batch.schema, tables)
  for (const table of tables) table.fold()
  if (tables.every((table) => table.removals().length === 0)) await moveWith(client, batch, tables)
  else
    await inTransaction(client, 'begin', async () => {
      for (const table of tables) await removeRows(client, batch.schema, table)
      await moveWith(client, batch, tables)
    })
  return tables
}

/** Rows and checkpoint change together; returns the checkpoints as they are afterwards. */
export const writeBatch = async (client: PoolClient, batch: Batch): Promise<Checkpoints> => {
  try {
    const rows = await run(client, batch)
    for (const table of rows) table.remember()
    const to = batch.to
    return new Map(
      [...batch.from].map(([name, before]) => [name, before !== null && before > to ? before : to]),
    )
  } catch (error) {
    for (const cache of batch.caches?.values() ?? []) cache.clear()
    throw error
  }
}

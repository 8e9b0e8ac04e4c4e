import { DatabaseError, type PoolClient } from 'pg'
import type { AnyProjection } from '../../projections/projection.ts'
import { deletedRowsMax, removedRowsMax } from '../../protocol/limits.ts'
import { namedStatementsMax } from '../../protocol/limits-postgres.ts'
import type { CountMove } from './counted.ts'
import type { RowBatch } from './row-batch.ts'

// A batch touches few tables, and a round trip for each would cost more than all that is done in them: one statement reads, one writes.

const names = new Map<string, string>()

/** What is asked again and again is parsed and planned once a connection. */
const nameOf = (text: string): { readonly name?: string } => {
  const known = names.get(text)
  if (known !== undefined) return { name: known }
  if (names.size >= namedStatementsMax) return {}
  const name = `batch ${names.size}`
  names.set(text, name)
  return { name }
}

/** A text that grows, and the values that it speaks of. */
class Statement {
  readonly #parts: string[] = []
  readonly #values: unknown[] = []

  value(value: unknown): string {
    return `$${this.#values.push(value)}`
  }

  add(part: string): void {
    this.#parts.push(part)
  }

  get isEmpty(): boolean {
    return this.#parts.length === 0
  }

  query(join: string, around: (parts: string) => string = (parts) => parts) {
    const text = around(this.#parts.join(join))
    return { ...nameOf(text), text, values: this.#values }
  }
}

type Read = { readonly place: number; readonly id: string; readonly row: object }

/** Reads what the tables want. */
export const readRows = async (
  client: PoolClient,
  schema: string,
  tables: readonly RowBatch[],
): Promise<void> => {
  const statement = new Statement()
  for (const [place, table] of tables.entries()) {
    const { name, key } = table.projection
    for (const { column, values } of table.wanted())
      statement.add(
        `select ${place} as place, t.${key} as id, to_jsonb(t) as row from ${schema}.${name} t where t.${column} = any(${statement.value(values)}::text[])`,
      )
  }
  if (statement.isEmpty) return
  const { rows } = await client.query<Read>(statement.query(' union all '))
  for (const { place, id, row } of rows) tables[place]?.take(id, row)
}

/** A recording may have 100,000 chunks: no row of them is read, and no statement takes longer than `removedRowsMax` of them. */
export const removeRows = async (
  client: PoolClient,
  schema: string,
  table: RowBatch,
): Promise<void> => {
  const { name, key } = table.projection
  for (const { column, value } of table.removals()) {
    const some = `select ${key} from ${schema}.${name} where ${column} = $1 limit ${removedRowsMax}`
    const text = `delete from ${schema}.${name} where ${key} = any(array(${some})) returning ${key} as id`
    for (let removed = removedRowsMax; removed === removedRowsMax; ) {
      const { rows } = await client.query<{ id: string }>({
        ...nameOf(text),
        text,
        values: [value],
      })
      table.forget(rows.map(({ id }) => id))
      removed = rows.length
    }
  }
}

const upsert = (statement: Statement, schema: string, table: RowBatch, kept: readonly object[]) => {
  const { name, key, columns } = table.projection
  const others = columns.filter((column) => column !== key)
  const rows = statement.value(JSON.stringify(kept))
  statement.add(`put_${name} as (insert into ${schema}.${name} (${columns.join(', ')})
    select ${columns.map((column) => `r.${column}`).join(', ')} from jsonb_populate_recordset(null::${schema}.${name}, ${rows}::jsonb) r
    on conflict (${key}) do update set ${others.map((column) => `${column} = excluded.${column}`).join(', ')})`)
}

const counting = (statement: Statement, schema: string, moves: readonly CountMove[]): string => {
  const lists = [
    moves.map(({ project }) => project),
    moves.map(({ projection }) => projection),
    moves.map(({ name }) => name),
  ].map((list) => `${statement.value(list)}::text[]`)
  const by = statement.value(moves.map((move) => move.by))
  return `insert into ${schema}.counts as c (project_id, projection, name, rows)
    select * from unnest(${lists.join(', ')}, ${by}::bigint[])
    on conflict (project_id, projection, name) do update set rows = c.rows + excluded.rows`
}

/** Adds to what is counted. */
export const moveCounts = async (
  client: PoolClient,
  schema: string,
  moves: readonly CountMove[],
): Promise<void> => {
  const statement = new Statement()
  if (moves.length === 0) return
  statement.add(counting(statement, schema, moves))
  await client.query(statement.query(''))
}

/** Rows by id, of which the table may have some. */
export const deleteRows = async (
  client: PoolClient,
  schema: string,
  { name, key }: AnyProjection,
  ids: readonly string[],
): Promise<void> => {
  for (let from = 0; from < ids.length; from += deletedRowsMax)
    await client.query(`delete from ${schema}.${name} where ${key} = any($1::text[])`, [
      ids.slice(from, from + deletedRowsMax),
    ])
}

export type CheckpointMove = {
  readonly names: readonly string[]
  readonly versions: readonly number[]
  readonly before: readonly (string | null)[]
  readonly to: string
}

// SQLSTATE (PostgreSQL, appendix A): division by zero. Nothing else in that statement divides.
const notMoved = '22012'

/** Whether a statement of `writeRows` came to nothing since another moved a checkpoint. */
export const isNotMoved = (error: unknown): boolean =>
  error instanceof DatabaseError && error.code === notMoved

/**
 * Writes what became of the tables, and moves checkpoints by compare and set: all of it, or nothing where one of them is not what it was
 * (`isNotMoved`).
 */
export const writeRows = async (
  client: PoolClient,
  schema: string,
  tables: readonly RowBatch[],
  { names: moved, versions, before, to }: CheckpointMove,
): Promise<void> => {
  const statement = new Statement()
  const position = statement.value(to)
  const lists = [
    `${statement.value(moved)}::text[]`,
    `${statement.value(versions)}::int[]`,
    `${statement.value(before)}::bigint[]`,
  ]
  for (const table of tables) {
    const { kept, gone } = table.changes()
    const { name, key } = table.projection
    if (kept.length > 0) upsert(statement, schema, table, kept)
    if (gone.length > 0)
      statement.add(
        `drop_${name} as (delete from ${schema}.${name} where ${key} = any(${statement.value(gone)}::text[]))`,
      )
  }
  const moves = tables.flatMap((table) => table.moves())
  if (moves.length > 0) statement.add(`counted as (${counting(statement, schema, moves)})`)
  statement.add(`moved as (update ${schema}.checkpoints c set commit = ${position} from unnest(${lists.join(', ')}) as p (name, version, before)
    where c.projection = p.name and c.version = p.version and c.commit is not distinct from p.before returning 1)`)
  const all = statement.value(moved.length)
  await client.query(
    statement.query(
      ', ',
      (parts) =>
        `with ${parts} select 1 / case count(*) when ${all}::int then 1 else 0 end from moved`,
    ),
  )
}

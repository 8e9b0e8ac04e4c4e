import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { setImmediate as turn } from 'node:timers/promises'
import type { PoolClient } from 'pg'
import { from as copyFrom } from 'pg-copy-streams'
import type { AnyProjection } from '../../projections/projection.ts'
import { copyPieceCharactersMax } from '../../protocol/limits.ts'

type Written = (row: object) => string

// PostgreSQL documentation, COPY, "Text Format".
const escapes: Readonly<Record<string, string>> = {
  '\\': '\\\\',
  '\n': '\\n',
  '\r': '\\r',
  '\t': '\\t',
}
const special = /[\\\n\r\t]/
const allSpecial = /[\\\n\r\t]/g
const escaped = (text: string): string =>
  special.test(text) ? text.replace(allSpecial, (one) => escapes[one] ?? one) : text
const nothing = '\\N'

const jsonIn = (value: unknown): string =>
  value === null || value === undefined ? nothing : escaped(JSON.stringify(value))
const textIn = (value: unknown): string =>
  value === null || value === undefined ? nothing : escaped(String(value))

const writerOf = (column: string, isJson: boolean): Written => {
  const write = isJson ? jsonIn : textIn
  return (row) => write((row as Record<string, unknown>)[column])
}

/** In pieces that hold up nobody else in this thread. */
async function* linesOf(
  rows: readonly object[],
  values: readonly Written[],
): AsyncGenerator<string> {
  let text = ''
  for (const row of rows) {
    text += `${values.map((value) => value(row)).join('\t')}\n`
    if (text.length < copyPieceCharactersMax) continue
    yield text
    text = ''
    await turn()
  }
  if (text !== '') yield text
}

/** Which columns of a schema's tables hold JSON: `table.column`. A JSON text is written otherwise than a text. */
export const jsonColumns = async (
  client: PoolClient,
  schema: string,
): Promise<ReadonlySet<string>> => {
  const { rows } = await client.query<{ name: string }>(
    `select c.relname || '.' || a.attname as name from pg_attribute a join pg_class c on c.oid = a.attrelid
     where c.relnamespace = $1::regnamespace and a.attnum > 0 and a.atttypid in ('jsonb'::regtype, 'json'::regtype)`,
    [schema],
  )
  return new Set(rows.map(({ name }) => name))
}

type Table = Pick<AnyProjection, 'name' | 'columns'>
type Into = { readonly schema: string; readonly json: ReadonlySet<string> }

/** Adds rows that the table does not have. Within a transaction. */
export const copyRows = async (
  client: PoolClient,
  { schema, json }: Into,
  { name, columns }: Table,
  rows: readonly object[],
): Promise<void> => {
  if (rows.length === 0) return
  const values = columns.map((column) => writerOf(column, json.has(`${name}.${column}`)))
  const names = columns.map((column) => `"${column}"`).join(', ')
  const into = client.query(copyFrom(`copy ${schema}.${name} (${names}) from stdin`))
  await pipeline(Readable.from(linesOf(rows, values)), into)
}

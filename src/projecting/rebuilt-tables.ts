import type { Pool, PoolClient } from 'pg'
import type { LogEvent } from '../../projections/log-event.ts'
import type { AnyProjection } from '../../projections/projection.ts'
import { rebuildConnectionsMax } from '../../protocol/limits-rebuild.ts'
import { bare } from './bare-tables.ts'
import { inTransaction } from './batch.ts'
import { copyRows, jsonColumns } from './copy-rows.ts'
import { createReadModels } from './migrate.ts'
import { RowBatch } from './row-batch.ts'
import { bytesOf } from './row-bytes.ts'
import { sideBySide } from './side-by-side.ts'
import { deleteRows, moveCounts, readRows, removeRows } from './statements.ts'

// What a crash of Postgres takes back was folded from the log, which has it.
const unhurried = 'begin; set local synchronous_commit to off'

type Given = {
  /** For more connections where there is work for several. */
  readonly pool: Pool
  /** Ends a write between two tables. */
  readonly signal: AbortSignal
  readonly schema: string
  readonly projections: readonly AnyProjection[]
  /** How much of the rows is kept in memory, about. */
  readonly rowBytesMax: number
}

// Each row is looked for in the index once more: as long as so many other indexes take.
const exclusionCost = 6

// A tracker of numbers and what was reported last.
const growthBytes = 1_024

type Table = { rows: RowBatch; bytes: number; readonly sizes: Map<string, number> }

const tableOf = (projection: AnyProjection): Table => ({
  rows: new RowBatch(projection),
  bytes: 0,
  sizes: new Map(),
})

/**
 * Tables that nobody reads before they are whole, folded in memory: a row is written when all of the log was folded into it, or when there
 * are too many. Nothing else writes them, so what is in memory is not read again. Indexes are made when the first rows are there.
 */
export class RebuiltTables {
  readonly #client: PoolClient
  readonly #given: Given
  #tables: readonly Table[]
  /** What makes bare tables whole. */
  #missing: ReadonlyMap<string, readonly string[]> = new Map()
  #json: ReadonlySet<string> = new Set()
  #isBare = true
  /** No row is in a table and not in memory. */
  #isInMemory = true

  constructor(client: PoolClient, given: Given) {
    this.#client = client
    this.#given = given
    this.#tables = given.projections.map(tableOf)
  }

  async create(): Promise<void> {
    const { schema, projections } = this.#given
    const client = this.#client
    await client.query(`drop schema if exists ${schema} cascade`)
    await inTransaction(client, 'begin', async () => {
      await createReadModels(client, schema)
      const names = projections.map(({ name }) => name)
      this.#missing = await bare(client, schema, names)
      this.#json = await jsonColumns(client, schema)
    })
  }

  /** Folds them into the rows; what is in memory past the limit afterwards is written and forgotten. */
  async fold(events: readonly LogEvent[]): Promise<void> {
    const { schema, rowBytesMax } = this.#given
    const batches = this.#tables.map(({ rows }) => rows)
    for (const rows of batches) rows.add(events)
    if (this.#isInMemory) for (const rows of batches) rows.wanted()
    else await readRows(this.#client, schema, batches)
    let bytes = 0
    for (const table of this.#tables) {
      table.rows.fold()
      measure(table)
      bytes += table.bytes + table.rows.growing * growthBytes
    }
    if (bytes <= rowBytesMax) return
    await this.write()
    this.#tables = this.#given.projections.map(tableOf)
    this.#isInMemory = false
  }

  /** Writes what was folded since the last time. */
  async write(): Promise<void> {
    const { pool, signal } = this.#given
    const longestFirst = this.#tables.toSorted((a, b) => this.#work(b) - this.#work(a))
    await sideBySide(
      { client: this.#client, pool, max: rebuildConnectionsMax, signal },
      longestFirst.map(
        ({ rows }) =>
          (client) =>
            inTransaction(client, unhurried, () => this.#put(client, rows)),
      ),
    )
    this.#isBare = false
    for (const { rows } of this.#tables) rows.settle()
  }

  /** How long writing it takes, beside the others. */
  #work({ rows }: Table): number {
    const missing = this.#isBare ? (this.#missing.get(rows.projection.name) ?? []) : []
    const indexes = missing.map((make) => (make.includes('EXCLUDE') ? exclusionCost : 1))
    return rows.changing * indexes.reduce<number>((sum, cost) => sum + cost, 1)
  }

  async #put(client: PoolClient, rows: RowBatch): Promise<void> {
    const { schema } = this.#given
    const { name } = rows.projection
    const { kept, changed } = rows.changes()
    if (!this.#isBare) {
      await removeRows(client, schema, rows)
      await deleteRows(client, schema, rows.projection, changed)
    }
    await copyRows(client, { schema, json: this.#json }, rows.projection, kept)
    await moveCounts(client, schema, rows.moves())
    // Who reads it after the swap has to know what is in it.
    if (this.#isBare)
      await client.query(
        [...(this.#missing.get(name) ?? []), `analyze ${schema}.${name}`].join(';'),
      )
  }
}

const measure = (table: Table): void => {
  for (const [id, row] of table.rows.moved()) {
    const bytes = bytesOf(row)
    table.bytes += bytes - (table.sizes.get(id) ?? 0)
    table.sizes.set(id, bytes)
  }
}

import type { PoolClient } from 'pg'
import type { LogEvent } from '../../projections/log-event.ts'
import type { AnyProjection } from '../../projections/projection.ts'
import { removedRowsMax } from '../../protocol/limits.ts'
import { Counted } from './counted.ts'

type Row = Record<string, unknown>

/** Rows by id; a cached one may be used instead of reading it. */
export type RowCache = {
  readonly get: (id: string) => object | undefined
  readonly put: (id: string, row: object | undefined) => void
  readonly clear: () => void
}

/** The rows of one table that a batch of events touches: read at once, folded in memory, written at once. */
export class RowBatch {
  readonly #projection: AnyProjection
  readonly #client: PoolClient
  readonly #table: string
  readonly #cache: RowCache | undefined
  readonly #rows = new Map<string, object | undefined>()
  readonly #changed = new Set<string>()
  readonly #counted: Counted

  constructor(projection: AnyProjection, client: PoolClient, schema: string, cache?: RowCache) {
    this.#projection = projection
    this.#client = client
    this.#table = `${schema}.${projection.name}`
    this.#cache = cache
    this.#counted = new Counted(projection, client, schema)
  }

  async #load(ids: readonly string[]): Promise<void> {
    const missing: string[] = []
    for (const id of new Set(ids)) {
      if (this.#rows.has(id)) continue
      const cached = this.#cache?.get(id)
      if (cached) this.#rows.set(id, cached)
      else missing.push(id)
    }
    if (missing.length === 0) return
    for (const id of missing) this.#rows.set(id, undefined)
    const { rows } = await this.#client.query<{ id: string; row: Row }>({
      name: `load ${this.#table}`,
      text: `select t.${this.#projection.key} as id, to_jsonb(t) as row from ${this.#table} t where t.${this.#projection.key} = any($1)`,
      values: [missing],
    })
    for (const { id, row } of rows) this.#rows.set(id, asText(row))
  }

  /** Ids of rows whose column holds the value, those of this batch included. */
  async #find(column: string, value: string): Promise<readonly string[]> {
    await this.write()
    const text = `select ${this.#projection.key} as id from ${this.#table} where ${column} = $1`
    const { rows } = await this.#client.query<{ id: string }>(text, [value])
    return rows.map(({ id }) => id)
  }

  /** A recording may have 100,000 chunks: no row of them is read, and no statement takes longer than `removedRowsMax` of them. */
  async #remove(column: string, value: string): Promise<void> {
    await this.write()
    const { key } = this.#projection
    const some = `select ${key} from ${this.#table} where ${column} = $1 limit ${removedRowsMax}`
    const text = `delete from ${this.#table} where ${key} = any(array(${some})) returning ${key} as id`
    for (;;) {
      const { rows } = await this.#client.query<{ id: string }>(text, [value])
      for (const { id } of rows) {
        if (this.#rows.has(id)) this.#rows.set(id, undefined)
        this.#cache?.put(id, undefined)
      }
      if (rows.length < removedRowsMax) return
    }
  }

  async apply(events: readonly LogEvent[]): Promise<void> {
    const touched = events.map((event) => this.#projection.touches(event))
    await this.#load(touched.flatMap((one) => (one && 'ids' in one ? one.ids : [])))
    for (const [i, event] of events.entries()) {
      const one = touched[i]
      if (!one) continue
      if ('gone' in one) {
        await this.#remove(one.gone, one.is)
        continue
      }
      const ids = 'ids' in one ? one.ids : await this.#find(one.where, one.is)
      if (!('ids' in one)) await this.#load(ids)
      for (const id of new Set(ids)) this.#fold(id, event)
    }
  }

  #fold(id: string, event: LogEvent): void {
    const before = this.#rows.get(id)
    const after = this.#projection.fold(before, event, id)
    if (after === before) return
    this.#rows.set(id, after)
    this.#changed.add(id)
    this.#counted.move(before, after)
  }

  /** One statement for what is there, one for what is gone. */
  async write(): Promise<void> {
    const changed = [...this.#changed]
    this.#changed.clear()
    const kept = changed.flatMap((id) => this.#rows.get(id) ?? [])
    const gone = changed.filter((id) => this.#rows.get(id) === undefined)
    if (kept.length > 0) await this.#upsert(kept)
    if (gone.length > 0)
      await this.#client.query(
        `delete from ${this.#table} where ${this.#projection.key} = any($1)`,
        [gone],
      )
    await this.#counted.write()
  }

  async #upsert(rows: readonly object[]): Promise<void> {
    const { columns, key } = this.#projection
    const others = columns.filter((column) => column !== key)
    await this.#client.query({
      name: `upsert ${this.#table}`,
      text: `insert into ${this.#table} (${columns.join(', ')})
        select ${columns.map((column) => `r.${column}`).join(', ')} from jsonb_populate_recordset(null::${this.#table}, $1::jsonb) r
        on conflict (${key}) do update set ${others.map((column) => `${column} = excluded.${column}`).join(', ')}`,
      values: [JSON.stringify(rows)],
    })
  }

  /** After the commit: what was folded is what the table holds. */
  remember(): void {
    for (const [id, row] of this.#rows) this.#cache?.put(id, row)
  }
}

// bigint columns come as JSON numbers here, and as text from the driver: text is what the folds meet.
const int8Columns = new Set([
  'revision',
  'position',
  'session_position',
  'storage_used_mb',
  'storage_total_mb',
  'pending_recordings',
  'bytes',
  'duration_ms',
  'object_bytes',
  'skew_ms',
  'total_bytes',
])

const asText = (row: Row): Row => {
  for (const column of int8Columns)
    if (typeof row[column] === 'number') row[column] = String(row[column])
  return row
}

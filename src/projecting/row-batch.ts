import type { LogEvent } from '../../projections/log-event.ts'
import type { AnyProjection, Growth, Touched } from '../../projections/projection.ts'
import { Counted } from './counted.ts'

type Row = Record<string, unknown>

/** Rows by id; a cached one may be used instead of reading it. */
export type RowCache = {
  readonly get: (id: string) => object | undefined
  readonly put: (id: string, row: object | undefined) => void
  readonly clear: () => void
}

/** Rows to be read: those whose column holds one of the values. */
export type Wanted = { readonly column: string; readonly values: readonly string[] }

/** All rows whose column holds the value. */
export type Removal = { readonly column: string; readonly value: string }

/** What a batch makes of a table. */
export type Changes = {
  readonly changed: readonly string[]
  readonly kept: readonly object[]
  readonly gone: readonly string[]
}

type Step = { readonly event: LogEvent; readonly touched: NonNullable<Touched> }

/**
 * The rows of one table that a batch of events touches: read at once, folded in memory, written at once. Batches may follow each other before
 * anything is written: what was met is not read again.
 */
export class RowBatch {
  readonly projection: AnyProjection
  #steps: readonly Step[] = []
  readonly #cache: RowCache | undefined
  readonly #rows = new Map<string, object | undefined>()
  #changed = new Set<string>()
  #moved = new Set<string>()
  /** Rows that events are folded into, to be made when they are looked at. */
  #growing = new Map<string, Growth<object>>()
  #counted: Counted
  /** Of columns by which rows are looked for: the values, and the ids of rows that have or had one. */
  #sought = new Map<string, Map<string, Set<string>>>()
  #read = new Map<string, Set<string>>()
  #removed: Removal[] = []

  constructor(projection: AnyProjection, cache?: RowCache) {
    this.projection = projection
    this.#cache = cache
    this.#counted = new Counted(projection)
  }

  /** What is to be folded next. */
  add(events: readonly LogEvent[]): void {
    const steps: Step[] = []
    for (const event of events) {
      const touched = this.projection.touches(event)
      if (touched) steps.push({ event, touched })
    }
    this.#steps = steps
  }

  /** What has to be read before anything is folded. */
  wanted(): readonly Wanted[] {
    const missing: string[] = []
    for (const { touched } of this.#steps) {
      if ('ids' in touched) this.#meetAll(touched, missing)
      else if ('gone' in touched) this.#seek(touched.gone, touched.is)
      else {
        this.#seek(touched.where, touched.is)
        const values = this.#read.get(touched.where) ?? new Set()
        this.#read.set(touched.where, values.add(touched.is))
      }
    }
    const byId = missing.length > 0 ? [{ column: this.projection.key, values: missing }] : []
    const byOthers = [...this.#read].map(([column, values]) => ({ column, values: [...values] }))
    return [...byId, ...byOthers]
  }

  #meetAll({ ids, born }: Extract<Step['touched'], { ids: unknown }>, missing: string[]): void {
    for (const id of ids)
      if (!born) this.#meet(id, missing)
      else if (!this.#rows.has(id)) this.#rows.set(id, undefined)
  }

  #meet(id: string, missing: string[]): void {
    if (this.#rows.has(id)) return
    const cached = this.#cache?.get(id)
    this.#rows.set(id, cached)
    if (!cached) missing.push(id)
  }

  #seek(column: string, value: string): void {
    const values = this.#sought.get(column) ?? new Map<string, Set<string>>()
    if (!values.has(value)) values.set(value, new Set())
    this.#sought.set(column, values)
  }

  /** What was read of them; what was folded since the table was written is newer. */
  take(id: string, row: object): void {
    if (!this.#rows.get(id) && !this.#changed.has(id)) this.#rows.set(id, asText(row as Row))
  }

  fold(): void {
    this.#moved = new Set()
    if (this.#sought.size > 0) {
      this.#ripen()
      for (const [id, row] of this.#rows) this.#note(id, row)
    }
    for (const { event, touched } of this.#steps) {
      if ('gone' in touched) this.#remove({ column: touched.gone, value: touched.is })
      else for (const id of this.#idsOf(touched)) this.#fold(id, event)
    }
    for (const id of this.#moved) this.#changed.add(id)
    this.#steps = []
    // Made anew rather than cleared: see `ShortLived`.
    this.#sought = new Map()
    this.#read = new Map()
  }

  #idsOf(touched: Exclude<Step['touched'], { gone: string }>): Iterable<string> {
    return 'ids' in touched ? new Set(touched.ids) : this.#found(touched.where, touched.is)
  }

  /** Of these rows those alone are known that the batch met; the table's are removed where they are. */
  #remove({ column, value }: Removal): void {
    for (const id of this.#found(column, value)) {
      this.#rows.set(id, undefined)
      this.#moved.add(id)
    }
    this.#removed.push({ column, value })
  }

  #note(id: string, row: object | undefined): void {
    if (!row) return
    for (const [column, values] of this.#sought) values.get(String((row as Row)[column]))?.add(id)
  }

  #found(column: string, value: string): readonly string[] {
    const ids = this.#sought.get(column)?.get(value) ?? []
    return [...ids].filter((id) => (this.#rows.get(id) as Row | undefined)?.[column] === value)
  }

  /** Where rows are looked for by what they hold, each has to stand as it is. */
  #grow(id: string, event: LogEvent): boolean {
    const { grow } = this.projection
    if (!grow || this.#sought.size > 0) return false
    const growing = this.#growing.get(id)
    if (growing) return growing.meet(event)
    const row = this.#rows.get(id)
    const growth = row && grow(row, id)
    if (!growth?.meet(event)) return false
    this.#growing.set(id, growth)
    this.#moved.add(id)
    return true
  }

  #ripen(): void {
    const growing = this.#growing
    this.#growing = new Map()
    for (const [id, growth] of growing) this.#become(id, this.#rows.get(id), growth.row())
  }

  #ripenOne(id: string): void {
    const growth = this.#growing.get(id)
    if (!growth) return
    this.#growing.delete(id)
    this.#become(id, this.#rows.get(id), growth.row())
  }

  #fold(id: string, event: LogEvent): void {
    if (this.#grow(id, event)) return
    this.#ripenOne(id)
    const before = this.#rows.get(id)
    this.#become(id, before, this.projection.fold(before, event, id))
  }

  #become(id: string, before: object | undefined, after: object | undefined): void {
    if (after === before) return
    this.#rows.set(id, after)
    this.#moved.add(id)
    this.#counted.move(before, after)
    if (this.#sought.size > 0) this.#note(id, after)
  }

  /** What the last batch changed: the row, or that there is none. */
  *moved(): Iterable<readonly [id: string, row: object | undefined]> {
    for (const id of this.#moved) yield [id, this.#rows.get(id)]
  }

  /** How many rows stand for more than was made of them yet. */
  get growing(): number {
    return this.#growing.size
  }

  /** How many rows were changed. */
  get changing(): number {
    return this.#changed.size
  }

  changes(): Changes {
    this.#ripen()
    const changed = [...this.#changed]
    return {
      changed,
      kept: changed.flatMap((id) => this.#rows.get(id) ?? []),
      gone: changed.filter((id) => this.#rows.get(id) === undefined),
    }
  }

  /** Rows of the table that go before anything is written. */
  removals(): readonly Removal[] {
    return this.#removed
  }

  /** Rows that were removed without being met. */
  forget(ids: readonly string[]): void {
    for (const id of ids) if (!this.#rows.has(id)) this.#cache?.put(id, undefined)
  }

  moves(): ReturnType<Counted['moves']> {
    return this.#counted.moves()
  }

  /** After the commit: what was folded is what the table holds. */
  remember(): void {
    for (const [id, row] of this.#rows) this.#cache?.put(id, row)
  }

  /** The same where batches follow: what is met from now on is to be written next time. */
  settle(): void {
    this.#changed = new Set()
    this.#removed = []
    this.#counted = new Counted(this.projection)
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

import type { DatabaseSync } from 'node:sqlite'
import {
  eventStorePageBytesMax,
  eventStorePageEventsMax,
} from '../../../protocol/limits-embedded.ts'
import { type StoredRow, storedTombstone } from './stored.ts'
import type { Tail } from './tail.ts'

const columns =
  'e.position, s.name, e.revision, hex(e.id) as id, e.type, e.content_type, e.created_ms, e.data, e.metadata'
const from = 'from events e join streams s on s.id = e.stream'

type Row = Record<string, unknown>

const hyphenated = (hex: string): string =>
  `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`.toLowerCase()

const rowOf = (row: Row): StoredRow => ({
  position: row['position'] as number,
  stream: row['name'] as string,
  revision: row['revision'] as number,
  id: hyphenated(row['id'] as string),
  type: row['type'] as string,
  contentType: row['content_type'] as string,
  createdMs: row['created_ms'] as number,
  data: row['data'] as Uint8Array,
  metadata: row['metadata'] as Uint8Array,
})

function* rowsOf(found: Iterable<Row>): Generator<StoredRow> {
  for (const row of found) yield rowOf(row)
}

/** An event without its content: enough for a filter. */
export type Outline = { readonly position: number; readonly stream: string; readonly type: string }

/** `end`: nothing stands behind these. A page is full at its count of events, or at its bytes. */
export type Page = { readonly rows: StoredRow[]; readonly end: boolean }

const pageOf = (found: Iterable<StoredRow>, count: number): Page => {
  const rows: StoredRow[] = []
  let bytes = 0
  for (const row of found) {
    rows.push(row)
    bytes += row.data.length + row.metadata.length
    if (bytes >= eventStorePageBytesMax) return { rows, end: false }
  }
  return { rows, end: rows.length < count }
}

/** The position of the newest event, 0 when there is none. */
export const endOf = (db: DatabaseSync): number =>
  Number(db.prepare('select max(position) as position from events').get()?.['position'] ?? 0)

const prepared = (reader: DatabaseSync) => {
  const stream = `select ${columns} ${from} where e.stream = ? and e.revision >= 0`
  return {
    forwards: reader.prepare(`${stream} and e.revision >= ? order by e.revision limit ?`),
    backwards: reader.prepare(`${stream} and e.revision <= ? order by e.revision desc limit ?`),
    allForwards: reader.prepare(
      `select ${columns} ${from} where e.position >= ? order by e.position limit ?`,
    ),
    allBackwards: reader.prepare(
      `select ${columns} ${from} where e.position < ? order by e.position desc limit ?`,
    ),
    at: reader.prepare(`select ${columns} ${from} where e.position = ?`),
    between: reader.prepare(
      `select ${columns} ${from} where e.position between ? and ? order by e.position limit ?`,
    ),
    tombstone: reader.prepare(
      `select ${columns} ${from} where s.name = ? and e.revision = ${storedTombstone}`,
    ),
    outline: reader.prepare(
      `select e.position, s.name, e.type ${from} where e.position >= ? order by e.position limit ?`,
    ),
    outlineBackwards: reader.prepare(
      `select e.position, s.name, e.type ${from} where e.position < ? order by e.position desc limit ?`,
    ),
    // Where events were scavenged every position is a good one (as in the chunks that EventStoreDB scavenged).
    one: reader.prepare(
      `select 1 from events where position = ?1
       union all select 1 from state where name = 'scavenged_to' and value >= ?1`,
    ),
    end: reader.prepare('select max(position) as position from events'),
  }
}

/** The queries of the reading side, prepared once; what was written last comes out of the memory. */
export class Rows {
  readonly #tail: Tail
  readonly #statements: ReturnType<typeof prepared>

  constructor(reader: DatabaseSync, tail: Tail) {
    this.#tail = tail
    this.#statements = prepared(reader)
  }

  /** From a revision on, in either direction. */
  ofStream(stream: number, revision: number, count: number, backwards = false): Page {
    const statement = this.#statements[backwards ? 'backwards' : 'forwards']
    return pageOf(rowsOf(statement.iterate(stream, revision, count)), count)
  }

  /** Forwards from a position on, or backwards from before it. */
  ofAll(position: number, count: number, backwards = false): Page {
    const recent = backwards ? undefined : this.#tail.from(position, count)
    const statement = this.#statements[backwards ? 'allBackwards' : 'allForwards']
    return pageOf(recent ?? rowsOf(statement.iterate(position, count)), count)
  }

  at(position: number): StoredRow | undefined {
    const recent = this.#tail.at(position)
    if (recent) return recent
    const row = this.#statements.at.get(position)
    return row && rowOf(row)
  }

  /** From one position to another, both with them, a page at most. */
  between(first: number, last: number): readonly StoredRow[] {
    const count = eventStorePageEventsMax
    const recent = this.#tail.from(first, count)?.filter(({ position }) => position <= last)
    return pageOf(recent ?? rowsOf(this.#statements.between.iterate(first, last, count)), count)
      .rows
  }

  /** The event that closed a stream for ever. */
  tombstone(name: string): StoredRow | undefined {
    const row = this.#statements.tombstone.get(name)
    return row && rowOf(row)
  }

  /** Forwards from a position on, or backwards from before it. */
  outlines(position: number, count: number, backwards = false): readonly Outline[] {
    const recent = backwards ? undefined : this.#tail.from(position, count)
    if (recent) return recent
    const { outline, outlineBackwards } = this.#statements
    return (backwards ? outlineBackwards : outline).all(position, count).map((row) => ({
      position: row['position'] as number,
      stream: row['name'] as string,
      type: row['type'] as string,
    }))
  }

  /** Whether one may begin here: at an event, or where one may have stood before it was scavenged. */
  isPosition(position: number): boolean {
    return this.#statements.one.get(position) !== undefined
  }

  /** The position of the newest event, 0 when there is none. */
  end(): number {
    return Number(this.#statements.end.get()?.['position'] ?? 0)
  }
}

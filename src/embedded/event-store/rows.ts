import type { DatabaseSync } from 'node:sqlite'
import {
  eventStorePageBytesMax,
  eventStorePageEventsMax,
} from '../../../protocol/limits-embedded.ts'
import { type StoredRow, storedTombstone } from './stored.ts'
import type { Tail } from './tail.ts'

// A row as an array, and its contents as one: each value that SQLite hands over costs more than what is done with it.
const columns =
  'e.position, s.name, e.revision, hex(e.id), e.type, e.content_type, e.created_ms, length(e.data), cast(e.data || e.metadata as blob)'
const from = 'from events e join streams s on s.id = e.stream'

type Row = readonly [number, string, number, string, string, string, number, number, Uint8Array]

const hyphenated = (hex: string): string =>
  `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`.toLowerCase()

const rowOf = (row: unknown): StoredRow => {
  const [position, stream, revision, id, type, contentType, createdMs, length, contents] =
    row as Row
  return {
    position,
    stream,
    revision,
    id: hyphenated(id),
    type,
    contentType,
    createdMs,
    data: contents.subarray(0, length),
    metadata: contents.subarray(length),
  }
}

function* rowsOf(found: Iterable<unknown>): Generator<StoredRow> {
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
  const select = (which: string) => {
    const statement = reader.prepare(`select ${columns} ${from} where ${which}`)
    statement.setReturnArrays(true)
    return statement
  }
  const stream = 'e.stream = ? and e.revision >= 0'
  return {
    forwards: select(`${stream} and e.revision >= ? order by e.revision limit ?`),
    backwards: select(`${stream} and e.revision <= ? order by e.revision desc limit ?`),
    allForwards: select('e.position >= ? order by e.position limit ?'),
    allBackwards: select('e.position < ? order by e.position desc limit ?'),
    at: select('e.position = ?'),
    between: select('e.position between ? and ? order by e.position limit ?'),
    tombstone: select(`s.name = ? and e.revision = ${storedTombstone}`),
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

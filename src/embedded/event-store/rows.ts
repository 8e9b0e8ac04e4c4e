import type { DatabaseSync, StatementSync } from 'node:sqlite'
import { type StoredRow, storedTombstone, tombstoneRevision } from './stored.ts'

const columns =
  'e.position, s.name, e.revision, hex(e.id) as id, e.type, e.content_type, e.ticks, e.data, e.metadata'
const from = 'from events e join streams s on s.id = e.stream'

type Row = Record<string, unknown>

const hyphenated = (hex: string): string =>
  `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`.toLowerCase()

const rowOf = (row: Row): StoredRow => ({
  position: row['position'] as number,
  stream: row['name'] as string,
  revision:
    row['revision'] === storedTombstone ? tombstoneRevision : BigInt(row['revision'] as number),
  id: hyphenated(row['id'] as string),
  type: row['type'] as string,
  contentType: row['content_type'] as string,
  ticks: BigInt(row['ticks'] as number) * 10_000n,
  data: row['data'] as Uint8Array,
  metadata: row['metadata'] as Uint8Array,
})

/** An event without its content: enough for a filter. */
export type Outline = { readonly position: number; readonly stream: number; readonly type: string }

/** The queries of the reading side, prepared once. */
export class Rows {
  readonly #statements: Record<
    | 'forwards'
    | 'backwards'
    | 'allForwards'
    | 'allBackwards'
    | 'at'
    | 'tombstone'
    | 'outline'
    | 'one'
    | 'end'
    | 'streamId'
    | 'streamName',
    StatementSync
  >

  constructor(reader: DatabaseSync) {
    const stream = `select ${columns} ${from} where e.stream = ? and e.revision >= 0`
    this.#statements = {
      forwards: reader.prepare(`${stream} and e.revision >= ? order by e.revision limit ?`),
      backwards: reader.prepare(`${stream} and e.revision <= ? order by e.revision desc limit ?`),
      allForwards: reader.prepare(
        `select ${columns} ${from} where e.position >= ? order by e.position limit ?`,
      ),
      allBackwards: reader.prepare(
        `select ${columns} ${from} where e.position < ? order by e.position desc limit ?`,
      ),
      at: reader.prepare(`select ${columns} ${from} where e.position = ?`),
      tombstone: reader.prepare(
        `select ${columns} ${from} where s.name = ? and e.revision = ${storedTombstone}`,
      ),
      outline: reader.prepare(
        'select position, stream, type from events where position >= ? order by position limit ?',
      ),
      one: reader.prepare('select 1 from events where position = ?'),
      end: reader.prepare('select max(position) as position from events'),
      streamId: reader.prepare('select id from streams where name = ?'),
      streamName: reader.prepare('select name from streams where id = ?'),
    }
  }

  streamId(name: string): number | undefined {
    return this.#statements.streamId.get(name)?.['id'] as number | undefined
  }

  streamName(id: number): string {
    return String(this.#statements.streamName.get(id)?.['name'])
  }

  forwards(stream: number, revision: number, count: number): StoredRow[] {
    return this.#statements.forwards.all(stream, revision, count).map(rowOf)
  }

  backwards(stream: number, revision: number, count: number): StoredRow[] {
    return this.#statements.backwards.all(stream, revision, count).map(rowOf)
  }

  allForwards(position: number, count: number): StoredRow[] {
    return this.#statements.allForwards.all(position, count).map(rowOf)
  }

  allBackwards(position: number, count: number): StoredRow[] {
    return this.#statements.allBackwards.all(position, count).map(rowOf)
  }

  at(position: number): StoredRow | undefined {
    const row = this.#statements.at.get(position)
    return row && rowOf(row)
  }

  /** The event that closed a stream for ever. */
  tombstone(name: string): StoredRow | undefined {
    const row = this.#statements.tombstone.get(name)
    return row && rowOf(row)
  }

  outlines(position: number, count: number): Outline[] {
    return this.#statements.outline.all(position, count).map((row) => ({
      position: row['position'] as number,
      stream: row['stream'] as number,
      type: row['type'] as string,
    }))
  }

  isPosition(position: number): boolean {
    return this.#statements.one.get(position) !== undefined
  }

  /** The position of the newest event, 0 when there is none. */
  end(): number {
    return Number(this.#statements.end.get()?.['position'] ?? 0)
  }
}

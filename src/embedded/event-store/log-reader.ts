import { eventStorePageEventsMax } from '../../../protocol/limits.ts'
import type { EventFilter } from './event-filter.ts'
import { streamDeleted } from './faults.ts'
import type { Head } from './heads.ts'
import type { Rows } from './rows.ts'
import { linkType, type StoredRow, ticksOf, tombstoneRevision } from './stored.ts'
import { firstVisible } from './stream-metadata.ts'
import type { ReadItem } from './wire.ts'

const linkForm = /^(\d{1,15})@(.+)$/s

/** What a reader may see, page by page: nothing here holds more than a page of events. */
export class LogReader {
  readonly rows: Rows
  readonly #head: (stream: string) => Head
  readonly #now: () => number

  constructor(rows: Rows, head: (stream: string) => Head, now: () => number) {
    this.rows = rows
    this.#head = head
    this.#now = now
  }

  /** Throws the fault of a tombstoned stream; `undefined` for one that is not there. */
  visible(stream: string): Head | undefined {
    const head = this.#head(stream)
    if (head.tombstoned) throw streamDeleted(stream)
    return head.id === undefined || head.last < 0 || head.truncation.deleted ? undefined : head
  }

  /** The stream as it is, whatever may be seen of it. */
  head(stream: string): Head {
    return this.#head(stream)
  }

  /** Visible events from a revision on; `next` is where the following page begins. */
  page(
    stream: string,
    from: number,
    count: number,
    backwards: boolean,
  ): { readonly events: StoredRow[]; readonly next: number; readonly end: boolean } {
    const head = this.#head(stream)
    const first = firstVisible(head.truncation, head.last)
    const limit = Math.min(count, eventStorePageEventsMax)
    const id = head.id ?? -1
    const rows = backwards
      ? this.rows.backwards(id, from, limit).filter(({ revision }) => revision >= first)
      : this.rows.forwards(id, Math.max(from, first), limit)
    const last = rows.at(-1)
    return {
      events: rows.filter((row) => this.#isYoung(row, head)),
      next: last === undefined ? from : Number(last.revision) + (backwards ? -1 : 1),
      end: rows.length < limit,
    }
  }

  #isYoung({ ticks }: StoredRow, { truncation }: Head): boolean {
    if (truncation.maxAgeSeconds === undefined) return true
    return ticks > ticksOf(this.#now() - truncation.maxAgeSeconds * 1_000)
  }

  /** The event as a reader gets it: a link with its target, where links are to be resolved. */
  resolved(row: StoredRow, resolveLinks: boolean): ReadItem {
    const [, revision, stream] =
      resolveLinks && row.type === linkType
        ? (linkForm.exec(Buffer.from(row.data).toString('utf8')) ?? [])
        : []
    if (revision === undefined || stream === undefined)
      return { row, link: false, target: undefined }
    return { row, link: true, target: this.#target(stream, Number(revision)) }
  }

  #target(stream: string, revision: number): StoredRow | undefined {
    const head = this.#head(stream)
    if (head.tombstoned || head.truncation.deleted || head.id === undefined) return undefined
    if (revision < firstVisible(head.truncation, head.last)) return undefined
    const [row] = this.rows.forwards(head.id, revision, 1)
    return row && Number(row.revision) === revision && this.#isYoung(row, head) ? row : undefined
  }

  /** The next `filter.window` events from a position on, and which of them match. */
  window(position: number, filter: EventFilter) {
    const outlines = this.rows.outlines(position, filter.window)
    const names = new Map<number, string>()
    const nameOf = (stream: number): string => {
      const known = names.get(stream)
      if (known !== undefined) return known
      const name = this.rows.streamName(stream)
      names.set(stream, name)
      return name
    }
    const matching = outlines.filter(({ stream, type }) => filter.matches(nameOf(stream), type))
    return {
      considered: outlines.map((one) => one.position),
      matching: matching.map((one) => one.position),
    }
  }

  isTombstone(row: StoredRow): boolean {
    return row.revision === tombstoneRevision
  }
}

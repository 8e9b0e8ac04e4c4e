import { eventStorePageEventsMax } from '../../../protocol/limits-embedded.ts'
import type { ReadItem } from './codec/read-event.ts'
import { streamDeleted } from './faults.ts'
import type { Head } from './heads.ts'
import type { Rows } from './rows.ts'
import { linkType, type StoredRow } from './stored.ts'
import { firstVisible } from './stream-metadata.ts'

// −1 is the stream's last event (recorded).
const linkForm = /^(-?\d{1,15})@(.+)$/s

/** `last` is the newest revision of the stream, seen or not. */
export type StreamPage = {
  readonly events: readonly StoredRow[]
  readonly next: number
  readonly end: boolean
  readonly last: number
}

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
  page(stream: string, from: number, count: number, backwards: boolean): StreamPage {
    const head = this.#head(stream)
    const { last } = head
    if (head.truncation.deleted) return { events: [], next: from, end: true, last }
    const first = firstVisible(head.truncation, last)
    const limit = Math.min(count, eventStorePageEventsMax)
    const id = head.id ?? -1
    const page = backwards
      ? this.rows.backwards(id, from, limit)
      : this.rows.forwards(id, Math.max(from, first), limit)
    const step = backwards ? -1 : 1
    const edge = page.rows.at(-1)
    return {
      events: page.rows.filter((row) => row.revision >= first && this.#isYoung(row, head)),
      next: edge === undefined ? from : edge.revision + step,
      // Backwards nothing is visible any more past the first.
      end: page.end || (backwards && edge !== undefined && edge.revision <= first),
      last,
    }
  }

  /** Events from a revision on, whatever metadata says: what a live subscription gets. */
  everything(stream: string, from: number): StreamPage {
    const { id, last } = this.#head(stream)
    if (from > last) return { events: [], next: from, end: true, last }
    const { rows, end } = this.rows.forwards(id ?? -1, from, eventStorePageEventsMax)
    return { events: rows, next: (rows.at(-1)?.revision ?? from - 1) + 1, end, last }
  }

  #isYoung({ createdMs }: StoredRow, { truncation }: Head): boolean {
    if (truncation.maxAgeSeconds === undefined) return true
    return createdMs > this.#now() - truncation.maxAgeSeconds * 1_000
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

  #target(stream: string, named: number): StoredRow | undefined {
    const head = this.#head(stream)
    if (head.tombstoned || head.truncation.deleted || head.id === undefined) return undefined
    const revision = named === -1 ? head.last : named
    if (revision < firstVisible(head.truncation, head.last)) return undefined
    const [row] = this.rows.forwards(head.id, revision, 1).rows
    return row && row.revision === revision && this.#isYoung(row, head) ? row : undefined
  }

  /** The first revision that is visible, `undefined` when none is. */
  firstRevision(stream: string): number | undefined {
    const { truncation, last } = this.#head(stream)
    const first = firstVisible(truncation, last)
    return first <= last ? first : undefined
  }
}

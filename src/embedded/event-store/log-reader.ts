import { eventStorePageEventsMax } from '../../../protocol/limits-embedded.ts'
import { encodeReadEvent, type ReadItem } from './codec/read-event.ts'
import { invalid, streamDeleted } from './faults.ts'
import type { Head } from './heads.ts'
import type { ReadRequest } from './read-request.ts'
import type { Rows } from './rows.ts'
import { linkType, type StoredRow } from './stored.ts'
import { firstVisible } from './stream-metadata.ts'
import { asNumber } from './wire.ts'

// −1 is the stream's last event (recorded).
const linkForm = /^(-?\d{1,15})@(.+)$/s

/** Some events, where the next ones begin, and whether none are left for now. */
export type StreamPage = {
  readonly events: readonly StoredRow[]
  readonly next: number
  readonly end: boolean
}

/** What a reader may see, page by page: nothing here holds more than a page of events. */
export class LogReader {
  readonly rows: Rows
  /** The stream as it is, whatever may be seen of it. */
  readonly head: (stream: string) => Head
  readonly #now: () => number

  constructor(rows: Rows, head: (stream: string) => Head, now: () => number) {
    this.rows = rows
    this.head = head
    this.#now = now
  }

  /** Throws the fault of a tombstoned stream; `undefined` for one that is not there. */
  visible(stream: string): Head | undefined {
    const head = this.head(stream)
    if (head.tombstoned) throw streamDeleted(stream)
    return head.id === undefined || head.last < 0 || head.truncation.deleted ? undefined : head
  }

  /** Visible events from a revision on; `next` is where the following page begins. */
  page(stream: string, from: number, count: number, backwards: boolean): StreamPage {
    const head = this.head(stream)
    if (head.truncation.deleted) return { events: [], next: from, end: true }
    const first = firstVisible(head.truncation, head.last)
    const limit = Math.min(count, eventStorePageEventsMax)
    const id = head.id ?? -1
    const start = backwards ? from : Math.max(from, first)
    const page = this.rows.ofStream(id, start, limit, backwards)
    const step = backwards ? -1 : 1
    const edge = page.rows.at(-1)
    return {
      events: page.rows.filter((row) => row.revision >= first && this.#isYoung(row, head)),
      next: edge === undefined ? from : edge.revision + step,
      // Backwards nothing is visible any more past the first.
      end: page.end || (backwards && edge !== undefined && edge.revision <= first),
    }
  }

  /** Events from a revision on, whatever metadata says: what a live subscription gets. */
  everything(stream: string, from: number): StreamPage {
    const { id, last } = this.head(stream)
    if (from > last) return { events: [], next: from, end: true }
    const { rows, end } = this.rows.ofStream(id ?? -1, from, eventStorePageEventsMax)
    return { events: rows, next: (rows.at(-1)?.revision ?? from - 1) + 1, end }
  }

  #isYoung({ createdMs }: StoredRow, { truncation }: Head): boolean {
    if (truncation.maxAgeSeconds === undefined) return true
    return createdMs > this.#now() - truncation.maxAgeSeconds * 1_000
  }

  /** Where a read of all streams begins: at an event, or at an edge. A subscription has its end where the log has it now. */
  placeInAll({ from, backwards, count }: ReadRequest): number {
    const beyondAll = Number.MAX_SAFE_INTEGER
    const position = from === 'start' ? 0 : from === 'end' ? beyondAll : asNumber(from)
    const end = this.rows.end()
    if (position === beyondAll) return count === undefined ? end : beyondAll
    const isBeyond = position > end && !backwards
    if (position === 0 || isBeyond || this.rows.isPosition(position)) return position
    throw invalid(`There is no event at position ${position}.`)
  }

  /** The message that brings the event: a link with its target, where links are to be resolved. */
  encoded(row: StoredRow, { resolveLinks, uuids }: ReadRequest): Buffer {
    return encodeReadEvent(this.#resolved(row, resolveLinks), uuids)
  }

  #resolved(row: StoredRow, resolveLinks: boolean): ReadItem {
    const [, revision, stream] =
      resolveLinks && row.type === linkType
        ? (linkForm.exec(Buffer.from(row.data).toString('utf8')) ?? [])
        : []
    if (revision === undefined || stream === undefined)
      return { row, link: false, target: undefined }
    return { row, link: true, target: this.#target(stream, Number(revision)) }
  }

  #target(stream: string, named: number): StoredRow | undefined {
    const head = this.head(stream)
    if (head.tombstoned || head.truncation.deleted || head.id === undefined) return undefined
    const revision = named === -1 ? head.last : named
    if (revision < firstVisible(head.truncation, head.last)) return undefined
    const [row] = this.rows.ofStream(head.id, revision, 1).rows
    return row && row.revision === revision && this.#isYoung(row, head) ? row : undefined
  }

  /** The first revision that is visible, `undefined` when none is. */
  firstRevision(stream: string): number | undefined {
    const { truncation, last } = this.head(stream)
    const first = firstVisible(truncation, last)
    return first <= last ? first : undefined
  }
}

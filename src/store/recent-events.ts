import type { StreamKind } from '../../protocol/events/lifecycle.ts'
import { recentStreamEventsMax, recentStreamsMax } from '../../protocol/limits.ts'
import { createLru } from '../../protocol/lru.ts'
import type { EventStore, Position } from './event-store.ts'
import { type RecordedEvent, recordedOf } from './record.ts'
import { shared } from './shared.ts'
import { kindOf, type StreamName } from './streams.ts'

export type HistoryPage = {
  /** A revision, inclusive; the first or the last event where nothing is said. */
  readonly from?: number
  readonly count: number
  readonly order: 'asc' | 'desc'
}

export type History<Kind extends StreamKind = StreamKind> = {
  readonly events: readonly RecordedEvent<Kind>[]
  /** Of the newest event of the whole stream; `null` where it has none. */
  readonly position: Position | null
}

export type RecentEvents = {
  /** As the stream is now. Throws `StoreUnavailable`. */
  readonly page: <Kind extends StreamKind>(
    stream: StreamName<Kind>,
    page: HistoryPage,
  ) => Promise<History<Kind>>
}

type Event = RecordedEvent
type Reading = Pick<EventStore, 'readPage' | 'readStream'>

/** The newest events of one stream, without a gap, oldest first. */
class Newest {
  readonly refresh: () => Promise<void>
  events: readonly Event[] = []
  /** Whether these are all of the stream. */
  isWhole = false
  readonly #store: Reading
  readonly #stream: StreamName<StreamKind>

  constructor(store: Reading, stream: StreamName<StreamKind>) {
    this.#store = store
    this.#stream = stream
    this.refresh = shared(() => this.#read())
  }

  async #read(): Promise<void> {
    const kind = kindOf(this.#stream)
    const last = this.events.at(-1)
    if (last) {
      const tail = await this.#store.readStream(this.#stream, last.revision + 1)
      this.#keep([...this.events, ...tail.map((event) => recordedOf(event, kind))])
      return
    }
    const page = { count: recentStreamEventsMax, order: 'desc' } as const
    const stored = await this.#store.readPage(this.#stream, page)
    this.isWhole = stored.length < recentStreamEventsMax
    this.#keep(stored.map((event) => recordedOf(event, kind)).reverse())
  }

  #keep(events: readonly Event[]): void {
    if (events.length > recentStreamEventsMax) this.isWhole = false
    this.events = events.slice(-recentStreamEventsMax)
  }

  /** `undefined`: a part of the page is older than what is kept. */
  page({ from, count, order }: HistoryPage): readonly Event[] | undefined {
    const first = this.events[0]?.revision ?? 0
    if (order === 'asc') {
      const start = (from ?? 0) - first
      if (start < 0 && !this.isWhole) return undefined
      return this.events.slice(Math.max(0, start), Math.max(0, start + count))
    }
    const end = Math.min(this.events.length, (from ?? Number.POSITIVE_INFINITY) - first + 1)
    if (end < count && !this.isWhole) return undefined
    return this.events.slice(Math.max(0, end - count), Math.max(0, end)).reverse()
  }
}

/**
 * What was stored never changes: the newest events of the streams that were read last are kept, parsed, at most `recentStreamsMax` times
 * `recentStreamEventsMax`, and only what came since is read. Who asks for one stream at once shares one read, which begins after all of
 * them asked.
 */
export const createRecentEvents = (store: Reading): RecentEvents => {
  const streams = createLru<string, Newest>(recentStreamsMax)

  const keep = (stream: string, newest: Newest): void => {
    // A name that has no events may be anybody's guess.
    if (newest.events.length > 0) streams.set(stream, newest)
  }

  return {
    page: async <Kind extends StreamKind>(stream: StreamName<Kind>, asked: HistoryPage) => {
      const newest = streams.get(stream) ?? new Newest(store, stream)
      await newest.refresh()
      keep(stream, newest)
      const position = newest.events.at(-1)?.position ?? null
      const kind = kindOf(stream)
      const page =
        newest.page(asked) ??
        (await store.readPage(stream, asked)).map((event) => recordedOf(event, kind))
      // One stream always holds events of its own kind.
      return { events: page as readonly RecordedEvent<Kind>[], position }
    },
  }
}

import { setImmediate as turn } from 'node:timers/promises'
import {
  eventStorePageEventsMax,
  eventStoreScanEventsMax,
} from '../../../protocol/limits-embedded.ts'
import { CatchUpCheckpoints, LiveCheckpoints } from './checkpoint-rules.ts'
import { encodeReadEvent } from './codec/read-event.ts'
import type { EventFilter } from './event-filter.ts'
import { invalid, streamDeleted } from './faults.ts'
import type { LogReader } from './log-reader.ts'
import type { ReadRequest } from './read-request.ts'
import { Gone, type Sender } from './sender.ts'
import type { StoredRow } from './stored.ts'
import { caughtUpMessage, checkpointMessage, confirmationMessage } from './wire.ts'

/** Wakes subscriptions after a commit. */
export type Commits = {
  /** A number that grows with every commit. */
  readonly count: () => number
  /** Resolves at the next commit after the one with this number, or when the sender leaves. */
  readonly after: (count: number, sender: Sender) => Promise<void>
}

type Deps = { readonly reader: LogReader; readonly commits: Commits; readonly newId: () => string }

type Feed = Deps & { readonly request: ReadRequest; readonly sender: Sender }
type Chunk = {
  readonly events: readonly StoredRow[]
  readonly next: number
  readonly end: boolean
}

const sendRow = ({ reader, request, sender }: Feed, row: StoredRow) =>
  sender.send(encodeReadEvent(reader.resolved(row, request.resolveLinks), request.uuids))

/** Sends chunk after chunk, with a turn of the loop between two, until there is no more for now; gives where to go on. */
const drain = async (feed: Feed, from: number, chunkAt: (next: number) => Chunk) => {
  for (let next = from; ; await turn()) {
    const { events, next: after, end } = chunkAt(next)
    for (const row of events) await sendRow(feed, row)
    next = Math.max(next, after)
    if (end) return next
  }
}

const asNumber = (value: bigint): number =>
  value > BigInt(Number.MAX_SAFE_INTEGER) ? Number.MAX_SAFE_INTEGER : Number(value)

const visibleOf =
  (reader: LogReader, stream: string) =>
  (from: number): Chunk => {
    const page = reader.page(stream, from, eventStorePageEventsMax, false)
    return page.end ? { ...page, next: Math.max(page.next, page.last + 1) } : page
  }

/**
 * A cursor over the log and a wake-up: no buffer between catching up and live, and nothing that grows with a slow
 * reader. Metadata hides events while catching up; live ones are all sent (recorded).
 */
export const followStream = async (
  deps: Deps,
  stream: string,
  request: ReadRequest,
  sender: Sender,
): Promise<void> => {
  const { reader, commits, newId } = deps
  const feed = { ...deps, request, sender }
  const { from } = request
  const { tombstoned, last } = reader.head(stream)
  if (tombstoned) throw streamDeleted(stream)
  const first = from === 'start' ? 0 : from === 'end' ? last + 1 : asNumber(from) + 1
  await sender.send(confirmationMessage(newId()))
  let seen = commits.count()
  let next = await drain(feed, first, visibleOf(reader, stream))
  await sender.send(caughtUpMessage())
  for (;;) {
    const closed = reader.head(stream).tombstoned
    next = await drain(feed, next, (at) => reader.everything(stream, at))
    if (closed) return endTombstoned(feed, stream)
    await commits.after(seen, sender)
    seen = commits.count()
  }
}

const endTombstoned = async (feed: Feed, stream: string) => {
  const row = feed.reader.rows.tombstone(stream)
  if (row) await sendRow(feed, row)
  throw streamDeleted(stream)
}

/** Where a subscription to all streams begins: at an event that exists, or at an edge. */
const startOf = (reader: LogReader, { from }: ReadRequest): number => {
  if (from === 'start') return 0
  const end = reader.rows.end()
  if (from === 'end') return end
  const position = asNumber(from)
  if (position === Number.MAX_SAFE_INTEGER) return end
  if (position > 0 && position <= end && !reader.rows.isPosition(position))
    throw invalid(`There is no event at position ${position}.`)
  return position
}

export const followAll = async (
  deps: Deps,
  request: ReadRequest,
  sender: Sender,
): Promise<void> => {
  const { filter } = request
  await sender.send(confirmationMessage(deps.newId()))
  if (filter?.window === 0) throw invalid('The search window must be greater than 0.')
  const start = startOf(deps.reader, request)
  const feed = { ...deps, request, sender }
  if (filter) return followFiltered(feed, { filter, start })
  const chunkAt = (from: number): Chunk => {
    const { rows, end } = deps.reader.rows.allForwards(from, eventStorePageEventsMax)
    return { events: rows, next: (rows.at(-1)?.position ?? from - 1) + 1, end }
  }
  let seen = deps.commits.count()
  let next = await drain(feed, start + 1, chunkAt)
  await sender.send(caughtUpMessage())
  for (;;) {
    await deps.commits.after(seen, sender)
    seen = deps.commits.count()
    next = await drain(feed, next, chunkAt)
  }
}

type Filtered = { readonly filter: EventFilter; readonly start: number }

/** Goes through the log from a position to its end, a page at a time and a turn of the loop between two; gives where to go on. */
const scan = async (
  { reader, sender }: Feed,
  from: number,
  each: (position: number, stream: string, type: string) => Promise<void>,
): Promise<number> => {
  for (let next = from; ; await turn()) {
    if (sender.gone) throw new Gone()
    const outlines = reader.rows.outlines(next, eventStoreScanEventsMax)
    for (const { position, stream, type } of outlines) await each(position, stream, type)
    next = (outlines.at(-1)?.position ?? next - 1) + 1
    if (outlines.length < eventStoreScanEventsMax) return next
  }
}

const followFiltered = async (feed: Feed, { filter, start }: Filtered) => {
  const { reader, commits, request, sender } = feed
  const { window, interval, matches } = filter
  const sendAt = async (position: number) => {
    const row = reader.rows.at(position)
    if (row) await sendRow(feed, row)
  }
  const checkpointAt = async (position: number | undefined) => {
    if (position !== undefined) await sender.send(checkpointMessage(position))
  }
  let seen = commits.count()
  const catchUp = new CatchUpCheckpoints(window, interval)
  // From the end nothing is considered: what stands there was not asked for.
  const first = request.from === 'end' ? start + 1 : start
  let next = await scan(feed, first, async (position, stream, type) => {
    const wanted = position > start && matches(stream, type)
    if (wanted) await sendAt(position)
    await checkpointAt(catchUp.consider(position, wanted))
  })
  await checkpointAt(catchUp.end())
  await sender.send(caughtUpMessage())
  const live = new LiveCheckpoints(window, interval)
  for (;;) {
    await commits.after(seen, sender)
    seen = commits.count()
    next = await scan(feed, Math.max(next, start + 1), async (position, stream, type) => {
      if (matches(stream, type)) await sendAt(position)
      await checkpointAt(live.consider(position))
    })
  }
}

import { eventStorePageEventsMax } from '../../../protocol/limits.ts'
import type { EventFilter } from './event-filter.ts'
import { invalid, streamDeleted } from './faults.ts'
import type { LogReader } from './log-reader.ts'
import type { ReadRequest } from './read-request.ts'
import type { Sender } from './sender.ts'
import type { StoredRow } from './stored.ts'
import { caughtUpMessage, checkpointMessage, confirmationMessage, eventMessage } from './wire.ts'

/** Wakes subscriptions after a commit. */
export type Commits = {
  /** A number that grows with every commit. */
  readonly count: () => number
  /** Resolves at the next commit after the one with this number, or when the sender leaves. */
  readonly after: (count: number, sender: Sender) => Promise<void>
}

type Deps = { readonly reader: LogReader; readonly commits: Commits; readonly newId: () => string }

const sendRow = async (reader: LogReader, request: ReadRequest, sender: Sender, row: StoredRow) =>
  sender.send(eventMessage(reader.resolved(row, request.resolveLinks), request.uuids))

const asNumber = (value: bigint): number =>
  value > BigInt(Number.MAX_SAFE_INTEGER) ? Number.MAX_SAFE_INTEGER : Number(value)

/** A cursor over the log and a wake-up: no buffer between catching up and live, and nothing that grows with a slow reader. */
export const followStream = async (
  { reader, commits, newId }: Deps,
  stream: string,
  request: ReadRequest,
  sender: Sender,
): Promise<void> => {
  const { from } = request
  const head = reader.head(stream)
  if (head.tombstoned) throw streamDeleted(stream)
  let next = from === 'start' ? 0 : from === 'end' ? head.last + 1 : asNumber(from) + 1
  await sender.send(confirmationMessage(newId()))
  for (let live = false; ; ) {
    const seen = commits.count()
    for (let end = false; !end; ) {
      const page = reader.page(stream, next, eventStorePageEventsMax, false)
      for (const row of page.events) await sendRow(reader, request, sender, row)
      next = Math.max(next, page.next)
      end = page.end
    }
    if (reader.head(stream).tombstoned) return endTombstoned(reader, stream, request, sender)
    if (!live) await sender.send(caughtUpMessage())
    live = true
    await commits.after(seen, sender)
  }
}

const endTombstoned = async (
  reader: LogReader,
  stream: string,
  request: ReadRequest,
  sender: Sender,
) => {
  const row = reader.rows.tombstone(stream)
  if (row) await sendRow(reader, request, sender, row)
  throw streamDeleted(stream)
}

/** Where a subscription to all streams begins: behind an event that exists, or at an edge. */
const startOf = (reader: LogReader, { from }: ReadRequest): number => {
  if (from === 'start') return 0
  const end = reader.rows.end()
  if (from === 'end') return end
  const position = asNumber(from)
  if (position > 0 && position <= end && !reader.rows.isPosition(position))
    throw invalid(`There is no event at position ${position}.`)
  return position
}

export const followAll = async (
  deps: Deps,
  request: ReadRequest,
  sender: Sender,
): Promise<void> => {
  await sender.send(confirmationMessage(deps.newId()))
  const start = startOf(deps.reader, request)
  if (request.filter)
    return followFiltered(deps, request, { filter: request.filter, start }, sender)
  let next = start + 1
  for (let live = false; ; ) {
    const seen = deps.commits.count()
    for (let end = false; !end; ) {
      const rows = deps.reader.rows.allForwards(next, eventStorePageEventsMax)
      for (const row of rows) await sendRow(deps.reader, request, sender, row)
      next = (rows.at(-1)?.position ?? next - 1) + 1
      end = rows.length < eventStorePageEventsMax
    }
    if (!live) await sender.send(caughtUpMessage())
    live = true
    await deps.commits.after(seen, sender)
  }
}

type Filtered = { readonly filter: EventFilter; readonly start: number }

/**
 * While catching up a filter works in windows that begin with the event at the given position itself; every `interval` full
 * windows there is a checkpoint at the window's last match or, without one, at its first event. Before `caughtUp` one more
 * follows a last match that has none, or the start when there was none at all. Live, every `window × interval`-th event has one.
 */
const followFiltered = async (
  deps: Deps,
  request: ReadRequest,
  { filter, start }: Filtered,
  sender: Sender,
) => {
  const { reader } = deps
  const sendAt = async (position: number) => {
    const row = position > start || request.from === 'start' ? reader.rows.at(position) : undefined
    if (row) await sendRow(reader, request, sender, row)
    return row !== undefined
  }
  let [next, windows, checkpoint, lastMatch, considered] = [start, 0, -1, -1, 0]
  for (;;) {
    const { considered: all, matching } = reader.window(next, filter)
    for (const position of matching) if (await sendAt(position)) lastMatch = position
    considered += all.length
    next = (all.at(-1) ?? next - 1) + 1
    if (all.length < filter.window) break
    windows += 1
    if (windows % filter.interval !== 0) continue
    const inWindow = matching.filter((position) => position > start).at(-1)
    checkpoint = inWindow ?? all[0] ?? start
    await sender.send(checkpointMessage(checkpoint))
  }
  const left = lastMatch > checkpoint ? lastMatch : checkpoint < 0 && considered > 1 ? start : -1
  if (left > checkpoint && left > 0) await sender.send(checkpointMessage(left))
  await sender.send(caughtUpMessage())
  await followLive(deps, request, { filter, start: Math.max(next, start + 1) }, sender)
}

const followLive = async (
  deps: Deps,
  request: ReadRequest,
  { filter, start }: Filtered,
  sender: Sender,
) => {
  const { reader, commits } = deps
  const everyEvents = filter.window * filter.interval
  for (let next = start, considered = 0; ; ) {
    const seen = commits.count()
    for (;;) {
      const { considered: all, matching } = reader.window(next, filter)
      const wanted = new Set(matching)
      for (const position of all) {
        const row = wanted.has(position) ? reader.rows.at(position) : undefined
        if (row) await sendRow(reader, request, sender, row)
        considered += 1
        if (considered % everyEvents === 0) await sender.send(checkpointMessage(position))
      }
      next = (all.at(-1) ?? next - 1) + 1
      if (all.length < filter.window) break
    }
    await commits.after(seen, sender)
  }
}

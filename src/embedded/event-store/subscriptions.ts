import { setImmediate as turn } from 'node:timers/promises'
import {
  eventStorePageEventsMax,
  eventStoreScanEventsMax,
} from '../../../protocol/limits-embedded.ts'
import { CatchUpCheckpoints, liveCheckpoints } from './checkpoint-rules.ts'
import type { EventFilter } from './event-filter.ts'
import { invalid, streamDeleted } from './faults.ts'
import type { LogReader, StreamPage } from './log-reader.ts'
import type { ReadRequest } from './read-request.ts'
import type { Outline, Rows } from './rows.ts'
import { Gone, type Sender } from './sender.ts'
import type { StoredRow } from './stored.ts'
import { asNumber, caughtUpMessage, checkpointMessage, confirmationMessage } from './wire.ts'

/** Wakes subscriptions after a commit. */
export type Commits = {
  /** A number that grows with every commit. */
  readonly count: () => number
  /** Resolves at the next commit after the one with this number, or when the sender leaves. */
  readonly after: (count: number, sender: Sender) => Promise<void>
}

type Deps = { readonly reader: LogReader; readonly commits: Commits; readonly newId: () => string }

type Feed = Deps & { readonly request: ReadRequest; readonly sender: Sender }

const sendRow = ({ reader, request, sender }: Feed, row: StoredRow) =>
  sender.send(reader.encoded(row, request))

/** Sends page after page, with a turn of the loop between two, until there is no more for now; gives where to go on. */
const drain = async (feed: Feed, from: number, pageAt: (next: number) => StreamPage) => {
  for (let next = from; ; await turn()) {
    const { events, next: after, end } = pageAt(next)
    for (const row of events) await sendRow(feed, row)
    next = Math.max(next, after)
    if (end) return next
  }
}

/** Brings what there is from a place on, and gives where to go on. */
type Bring = (from: number) => Promise<number>

/**
 * A cursor over the log and a wake-up: no buffer between catching up and live, and nothing that grows with a slow
 * reader.
 */
const follow = async (
  { commits, sender }: Feed,
  from: number,
  catchUp: Bring,
  live: Bring,
): Promise<void> => {
  let seen = commits.count()
  let next = await catchUp(from)
  await sender.send(caughtUpMessage())
  for (;;) {
    await commits.after(seen, sender)
    seen = commits.count()
    next = await live(next)
  }
}

/** Metadata hides events while catching up; live ones are all sent (recorded). */
export const followStream = async (
  deps: Deps,
  stream: string,
  request: ReadRequest,
  sender: Sender,
): Promise<void> => {
  const { reader, newId } = deps
  const feed = { ...deps, request, sender }
  const { from } = request
  const { tombstoned, last } = reader.head(stream)
  if (tombstoned) throw streamDeleted(stream)
  const first = from === 'start' ? 0 : from === 'end' ? last + 1 : asNumber(from) + 1
  await sender.send(confirmationMessage(newId()))
  const visible = (at: number): StreamPage => {
    const page = reader.page(stream, at, eventStorePageEventsMax, false)
    return page.end ? { ...page, next: Math.max(page.next, reader.head(stream).last + 1) } : page
  }
  await follow(
    feed,
    first,
    (next) => drain(feed, next, visible),
    async (next) => {
      const closed = reader.head(stream).tombstoned
      const after = await drain(feed, next, (at) => reader.everything(stream, at))
      if (!closed) return after
      const row = reader.rows.tombstone(stream)
      if (row) await sendRow(feed, row)
      throw streamDeleted(stream)
    },
  )
}

export const followAll = async (
  deps: Deps,
  request: ReadRequest,
  sender: Sender,
): Promise<void> => {
  const { reader, newId } = deps
  const { filter } = request
  await sender.send(confirmationMessage(newId()))
  if (filter?.window === 0) throw invalid('The search window must be greater than 0.')
  const start = reader.placeInAll(request)
  const feed = { ...deps, request, sender }
  if (filter) return followFiltered(feed, filter, start)
  const all: Bring = (next) =>
    drain(feed, next, (from) => {
      const { rows, end } = reader.rows.ofAll(from, eventStorePageEventsMax)
      return { events: rows, next: (rows.at(-1)?.position ?? from - 1) + 1, end }
    })
  return follow(feed, start + 1, all, all)
}

/** An event that is passed; its contents only where they are wanted. */
type Passed = {
  readonly position: number
  readonly wanted: boolean
  readonly row: StoredRow | undefined
}

/** Contents of wanted events that stand next to each other are read at once. */
function* passing(
  rows: Rows,
  outlines: readonly Outline[],
  isWanted: (outline: Outline) => boolean,
): Generator<Passed> {
  const wanted = outlines.map(isWanted)
  let read: ReadonlyMap<number, StoredRow> = new Map()
  let readTo = -1
  for (const [i, { position }] of outlines.entries()) {
    if (wanted[i] && position > readTo) {
      const after = wanted.indexOf(false, i)
      const last = outlines.at(after < 0 ? -1 : after - 1)?.position ?? position
      const page = rows.between(position, last)
      read = new Map(page.map((row) => [row.position, row]))
      readTo = page.at(-1)?.position ?? position
    }
    yield { position, wanted: wanted[i] === true, row: read.get(position) }
  }
}

/** Some events and what stands behind them. */
type Stretch = { readonly passed: Iterable<Passed>; readonly next: number; readonly end: boolean }

/** Outlines first: contents of what is not wanted stay where they are. */
const sparse = (rows: Rows, from: number, isWanted: (outline: Outline) => boolean): Stretch => {
  const outlines = rows.outlines(from, eventStoreScanEventsMax)
  return {
    passed: passing(rows, outlines, isWanted),
    next: (outlines.at(-1)?.position ?? from - 1) + 1,
    end: outlines.length < eventStoreScanEventsMax,
  }
}

/** Each with its contents: what is wanted is not looked up twice. */
const dense = (rows: Rows, from: number, isWanted: (outline: Outline) => boolean): Stretch => {
  const page = rows.ofAll(from, eventStorePageEventsMax)
  const pass = (row: StoredRow): Passed => {
    const wanted = isWanted(row)
    return { position: row.position, wanted, row: wanted ? row : undefined }
  }
  return {
    passed: page.rows.map(pass),
    next: (page.rows.at(-1)?.position ?? from - 1) + 1,
    end: page.end,
  }
}

// Reading an outline and then the rest takes a quarter longer than reading it all.
const denseShare = 0.8

/** Goes through the log from a position to its end, a stretch at a time and a turn of the loop between two; gives where to go on. */
const scan = async (
  { reader, sender }: Feed,
  from: number,
  isWanted: (outline: Outline) => boolean,
  each: (passed: Passed) => Promise<void>,
): Promise<number> => {
  let isDense = false
  for (let at = from; ; await turn()) {
    if (sender.gone) throw new Gone()
    const { passed, next, end } = (isDense ? dense : sparse)(reader.rows, at, isWanted)
    let count = 0
    let wanted = 0
    for (const one of passed) {
      count += 1
      if (one.wanted) wanted += 1
      await each(one)
    }
    isDense = wanted >= count * denseShare
    at = next
    if (end) return next
  }
}

const followFiltered = async (feed: Feed, filter: EventFilter, start: number) => {
  const { request, sender } = feed
  const { window, interval, matches } = filter
  const checkpointAt = async (position: number | undefined) => {
    if (position !== undefined) await sender.send(checkpointMessage(position))
  }
  const catchUp: Bring = async (from) => {
    const checkpoints = new CatchUpCheckpoints(window, interval)
    const isWanted = ({ position, stream, type }: Outline) =>
      position > start && matches(stream, type)
    const next = await scan(feed, from, isWanted, async ({ position, wanted, row }) => {
      if (row) await sendRow(feed, row)
      await checkpointAt(checkpoints.consider(position, wanted))
    })
    await checkpointAt(checkpoints.end())
    return Math.max(next, start + 1)
  }
  const considerLive = liveCheckpoints(window * interval)
  const isMatch = ({ stream, type }: Outline) => matches(stream, type)
  const live: Bring = (from) =>
    scan(feed, from, isMatch, async ({ position, row }) => {
      if (row) await sendRow(feed, row)
      await checkpointAt(considerLive(position))
    })
  // From the end nothing is considered: what stands there was not asked for.
  return follow(feed, request.from === 'end' ? start + 1 : start, catchUp, live)
}

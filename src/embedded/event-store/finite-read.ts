import { setImmediate as turn } from 'node:timers/promises'
import {
  eventStorePageEventsMax,
  eventStoreScanEventsMax,
} from '../../../protocol/limits-embedded.ts'
import type { EventFilter } from './event-filter.ts'
import type { LogReader } from './log-reader.ts'
import type { ReadRequest } from './read-request.ts'
import type { Outline } from './rows.ts'
import type { Sender } from './sender.ts'
import type { StoredRow } from './stored.ts'
import { asNumber, firstRevisionMessage, lastRevisionMessage, notFoundMessage } from './wire.ts'

type Call = {
  readonly reader: LogReader
  readonly request: ReadRequest
  readonly sender: Sender
}

/** What to send, and where the part after it begins; at the end there is none. */
type Part = { readonly found: Iterable<StoredRow>; readonly next: number | undefined }

/** Part after part, until so many are sent as were asked for, or none are left; other calls have their turn between two. */
const sendParts = async (
  { reader, request, sender }: Call,
  from: number,
  partAt: (from: number, left: number) => Part,
): Promise<void> => {
  let left = asNumber(request.count ?? 0n)
  for (let next: number | undefined = from; next !== undefined && !sender.gone; ) {
    const part = partAt(next, left)
    for (const row of part.found) {
      await sender.send(reader.encoded(row, request))
      left -= 1
      if (left === 0) return
    }
    next = part.next
    if (next !== undefined) await turn()
  }
}

/** A read of one stream, forwards or backwards, both inclusive. */
export const readStream = async (call: Call, stream: string): Promise<void> => {
  const { reader, request, sender } = call
  const { backwards, from, wantsLast } = request
  const head = reader.visible(stream)
  if (!head) return sender.send(notFoundMessage(stream))
  const start = from === 'start' ? 0 : from === 'end' ? head.last : asNumber(from)
  const first = wantsLast && !backwards ? reader.firstRevision(stream) : undefined
  // Told when all that was asked for is hidden, and something later is not (recorded).
  if (first !== undefined && start + asNumber(request.count ?? 0n) <= first)
    await sender.send(firstRevisionMessage(first))
  await sendParts(call, start, (at, left) => {
    const { events, next, end } = reader.page(stream, at, left, backwards)
    return { found: events, next: end || next < 0 ? undefined : next }
  })
  if (wantsLast) await sender.send(lastRevisionMessage(head.last))
}

// Contents are read of what matches alone.
function* matching({ rows }: LogReader, outlines: readonly Outline[], { matches }: EventFilter) {
  for (const { position, stream, type } of outlines) {
    const row = matches(stream, type) ? rows.at(position) : undefined
    if (row) yield row
  }
}

/** A read of all streams: forwards inclusive, backwards exclusive; hidden events are there too. */
export const readAll = async (call: Call): Promise<void> => {
  const { reader, request } = call
  const { backwards, filter } = request
  const past = (last: Outline | undefined) =>
    last && (backwards ? last.position : last.position + 1)
  await sendParts(call, reader.placeInAll(request), (from, left) => {
    if (filter) {
      const outlines = reader.rows.outlines(from, eventStoreScanEventsMax, backwards)
      const isEnd = outlines.length < eventStoreScanEventsMax
      const found = matching(reader, outlines, filter)
      return { found, next: isEnd ? undefined : past(outlines.at(-1)) }
    }
    const count = Math.min(left, eventStorePageEventsMax)
    const { rows, end } = reader.rows.ofAll(from, count, backwards)
    return { found: rows, next: end ? undefined : past(rows.at(-1)) }
  })
}

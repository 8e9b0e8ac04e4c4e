import { setImmediate as turn } from 'node:timers/promises'
import {
  eventStorePageEventsMax,
  eventStoreScanEventsMax,
} from '../../../protocol/limits-embedded.ts'
import { encodeReadEvent } from './codec/read-event.ts'
import type { EventFilter } from './event-filter.ts'
import { invalid } from './faults.ts'
import type { LogReader } from './log-reader.ts'
import type { ReadRequest } from './read-request.ts'
import type { Sender } from './sender.ts'
import type { StoredRow } from './stored.ts'
import { firstRevisionMessage, lastRevisionMessage, notFoundMessage } from './wire.ts'

const beyondAll = Number.MAX_SAFE_INTEGER
const asNumber = (value: bigint): number => (value > BigInt(beyondAll) ? beyondAll : Number(value))

const sendRow = (
  reader: LogReader,
  { resolveLinks, uuids }: ReadRequest,
  sender: Sender,
  row: StoredRow,
) => sender.send(encodeReadEvent(reader.resolved(row, resolveLinks), uuids))

/** The first visible revision is told when all that was asked for is hidden, and something later is not (recorded). */
const sendFirst = async (
  reader: LogReader,
  stream: string,
  request: ReadRequest & { readonly first: number; readonly left: number },
  sender: Sender,
) => {
  const revision = reader.firstRevision(stream)
  if (!request.wantsLast || request.backwards || revision === undefined) return
  if (request.first + request.left <= revision) await sender.send(firstRevisionMessage(revision))
}

/** A read of one stream, forwards or backwards, both inclusive. */
export const readStream = async (
  reader: LogReader,
  stream: string,
  request: ReadRequest,
  sender: Sender,
): Promise<void> => {
  const head = reader.visible(stream)
  if (!head) return sender.send(notFoundMessage(stream))
  const { backwards, from } = request
  let left = asNumber(request.count ?? 0n)
  let next = from === 'start' ? 0 : from === 'end' ? head.last : asNumber(from)
  await sendFirst(reader, stream, { ...request, first: next, left }, sender)
  for (let end = false; !end && left > 0; ) {
    const page = reader.page(stream, next, left, backwards)
    for (const row of page.events) await sendRow(reader, request, sender, row)
    left -= page.events.length
    next = page.next
    end = page.end || next < 0
  }
  if (request.wantsLast) await sender.send(lastRevisionMessage(head.last))
}

const start = (reader: LogReader, { from, backwards }: ReadRequest): number => {
  if (from === 'start') return 0
  if (from === 'end') return beyondAll
  const position = asNumber(from)
  const isEdge = position === 0 || position === beyondAll
  const isBeyond = position > reader.rows.end()
  if (isEdge || (isBeyond && !backwards) || reader.rows.isPosition(position)) return position
  throw invalid(`There is no event at position ${position}.`)
}

const behind = ({ position }: { readonly position: number }, backwards: boolean): number =>
  backwards ? position : position + 1

/** A read of all streams: forwards inclusive, backwards exclusive; hidden events are there too. */
export const readAll = async (
  reader: LogReader,
  request: ReadRequest,
  sender: Sender,
): Promise<void> => {
  if (request.filter) return readFiltered(reader, request, request.filter, sender)
  const { backwards } = request
  let left = asNumber(request.count ?? 0n)
  for (let next = start(reader, request); left > 0; await turn()) {
    const count = Math.min(left, eventStorePageEventsMax)
    const { rows, end } = backwards
      ? reader.rows.allBackwards(next, count)
      : reader.rows.allForwards(next, count)
    for (const row of rows) await sendRow(reader, request, sender, row)
    left -= rows.length
    const last = rows.at(-1)
    if (!last || end) return
    next = behind(last, backwards)
  }
}

// Contents are read of what matches alone, and other calls have their turn between two pages.
const readFiltered = async (
  reader: LogReader,
  request: ReadRequest,
  { matches }: EventFilter,
  sender: Sender,
): Promise<void> => {
  const { backwards } = request
  let left = asNumber(request.count ?? 0n)
  for (let next = start(reader, request); left > 0 && !sender.gone; await turn()) {
    const outlines = reader.rows.outlines(next, eventStoreScanEventsMax, backwards)
    const wanted = outlines.filter(({ stream, type }) => matches(stream, type)).slice(0, left)
    for (const { position } of wanted) {
      const row = reader.rows.at(position)
      if (row) await sendRow(reader, request, sender, row)
    }
    left -= wanted.length
    const last = outlines.at(-1)
    if (!last || outlines.length < eventStoreScanEventsMax) return
    next = behind(last, backwards)
  }
}

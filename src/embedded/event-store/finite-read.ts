import { eventStorePageEventsMax } from '../../../protocol/limits.ts'
import { invalid } from './faults.ts'
import type { LogReader } from './log-reader.ts'
import type { ReadRequest } from './read-request.ts'
import type { Sender } from './sender.ts'
import type { StoredRow } from './stored.ts'
import { eventMessage, lastRevisionMessage, notFoundMessage } from './wire.ts'

const beyondAll = Number.MAX_SAFE_INTEGER
const asNumber = (value: bigint): number => (value > BigInt(beyondAll) ? beyondAll : Number(value))

const sendRow = (
  reader: LogReader,
  { resolveLinks, uuids }: ReadRequest,
  sender: Sender,
  row: StoredRow,
) => sender.send(eventMessage(reader.resolved(row, resolveLinks), uuids))

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
  const end = reader.rows.end()
  if (position <= end && !reader.rows.isPosition(position))
    throw invalid(`There is no event at position ${position}.`)
  return backwards && position > end ? beyondAll : position
}

/** A read of all streams: forwards inclusive, backwards exclusive; hidden events are there too. */
export const readAll = async (
  reader: LogReader,
  request: ReadRequest,
  sender: Sender,
): Promise<void> => {
  const { backwards, filter } = request
  let left = asNumber(request.count ?? 0n)
  for (let next = start(reader, request); left > 0; ) {
    const rows = backwards
      ? reader.rows.allBackwards(next, eventStorePageEventsMax)
      : reader.rows.allForwards(next, eventStorePageEventsMax)
    for (const row of rows) {
      if (left === 0) break
      if (filter && !filter.matches(row.stream, row.type)) continue
      await sendRow(reader, request, sender, row)
      left -= 1
    }
    const last = rows.at(-1)
    if (!last || rows.length < eventStorePageEventsMax) return
    next = backwards ? last.position : last.position + 1
  }
}

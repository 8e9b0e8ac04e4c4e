import { instantOf } from '../../protocol/instant.ts'
import { roomForEntry, type SerialisedEntry } from '../ingest/serialised-entry.ts'
import type { Connection } from './connection.ts'
import type { PlainHeartbeat } from './plain-heartbeat.ts'

// Much is received within one millisecond, and what is written of it is made once.
const last = { ms: Number.NaN, bytes: Buffer.alloc(0) }

/** What stands between the numbers of an entry and its data. */
const receivedAt = (ms: number): Buffer => {
  if (last.ms !== ms) {
    last.bytes = Buffer.from(`,"rx":"${instantOf(ms)}","data":{`, 'latin1')
    last.ms = ms
  }
  return last.bytes
}

const closeBrace = 0x7d

/** What `serialised` would make of it, member by member in the same order; received at `ms`. */
export const plainEntry = (
  { session, heartbeatHead: head }: Connection,
  { boot, seq, bytes, numbersAt, numbersEnd, dataAt, dataEnd }: PlainHeartbeat,
  ms: number,
): SerialisedEntry => {
  const received = receivedAt(ms)
  // The head ends with a comma, which is enough where there are no numbers.
  const receivedFrom = numbersEnd > numbersAt ? 0 : 1
  const numbersLength = numbersEnd - numbersAt
  const receivedLength = received.length - receivedFrom
  const room = roomForEntry(head.length + numbersLength + receivedLength + dataEnd - dataAt + 2)
  const { slab } = room
  slab.set(head, room.from)
  let at = room.from + head.length
  at += bytes.copy(slab, at, numbersAt, numbersEnd)
  at += received.copy(slab, at, receivedFrom)
  at += bytes.copy(slab, at, dataAt, dataEnd)
  slab[at] = closeBrace
  slab[at + 1] = closeBrace
  return { d: session.principal.deviceId, boot, seq, bytes: room }
}

import type { Client } from 'aedes'
import { mqttPacketLengthBytesMax } from '../../protocol/limits.ts'
import { internals, isStopped, refreshKeepAlive } from './aedes-client.ts'
import { topicIn } from './common-topics.ts'

/** A PUBLISH of QoS 0 or 1, not retained (MQTT 3.1.1, section 3.3). */
export type PublishFrame = {
  readonly topic: string
  /** The packet id of QoS 1. */
  readonly id: number | undefined
  readonly payload: Buffer
}

const publishKind = 0x30
const flagsOfDup = 0x08
const qos1 = 0x02

export type Head = { readonly length: number; readonly bodyAt: number }

/** What stands before the body of the packet at `from` (section 2.2). */
export const headAt = (bytes: Buffer, from: number): Head | 'incomplete' | 'malformed' => {
  let length = 0
  for (let i = 0; i < mqttPacketLengthBytesMax; i += 1) {
    const byte = bytes[from + 1 + i]
    if (byte === undefined) return 'incomplete'
    length += (byte & 0x7f) << (7 * i)
    if (byte < 0x80) return { length, bodyAt: from + 2 + i }
  }
  return 'malformed'
}

/** The PUBLISH whose body stands in `[bodyAt, end)`, when it is one of QoS 0 or 1, not retained, and whole. */
const publishAt = (
  bytes: Buffer,
  first: number,
  { bodyAt, end }: { bodyAt: number; end: number },
): PublishFrame | undefined => {
  const isPublish = (first & ~(flagsOfDup | qos1)) === publishKind
  if (!isPublish || end - bodyAt < 2) return undefined
  const topicEnd = bodyAt + 2 + bytes.readUInt16BE(bodyAt)
  const hasId = (first & qos1) !== 0
  const payloadAt = topicEnd + (hasId ? 2 : 0)
  if (payloadAt > end) return undefined
  const topic = topicIn(bytes, bodyAt + 2, topicEnd)
  const id = hasId ? bytes.readUInt16BE(topicEnd) : undefined
  return id === 0 ? undefined : { topic, id, payload: bytes.subarray(payloadAt, end) }
}

/** Bytes that wait until there are enough of them: joined once, in however small pieces they come. */
export class Gathering {
  #chunks: Buffer[] = []
  #length = 0
  #needed = 0

  get length(): number {
    return this.#length
  }

  /** The bytes so far, or `undefined` while they are too few. */
  add(chunk: Buffer): Buffer | undefined {
    if (this.#length === 0) return chunk
    this.#chunks.push(chunk)
    this.#length += chunk.length
    if (this.#length < this.#needed) return undefined
    const bytes = Buffer.concat(this.#chunks, this.#length)
    this.#chunks = []
    this.#length = 0
    return bytes
  }

  keep(rest: Buffer, needed: number): void {
    // A few bytes must not keep the whole chunk in which they came.
    this.#chunks = [2 * rest.length < rest.buffer.byteLength ? Buffer.from(rest) : rest]
    this.#length = rest.length
    this.#needed = needed
  }
}

export type Frames = {
  readonly take: (frame: PublishFrame) => boolean
  readonly bytesMax: () => number
  /** How much of a packet that is not whole is kept, whenever that changes. */
  readonly onHeld: (bytes: number) => void
}

/**
 * Cuts what a client sends into packets, and shows each PUBLISH to `take` before Aedes' parser, which meets every other packet, and
 * whatever `take` leaves, byte for byte. A packet is refused by its declared length before its body is kept.
 */
export const takeFrames = (client: Client, { take, bytesMax, onHeld }: Frames): void => {
  const parser = internals(client)._parser
  const parse = parser.parse.bind(parser)
  const gathering = new Gathering()
  let taken = false
  let held = 0

  /** The index after the packet at `from`; `undefined` when the rest of it has yet to come. */
  const step = (bytes: Buffer, from: number): number | undefined => {
    const head = headAt(bytes, from)
    if (head === 'incomplete') {
      gathering.keep(bytes.subarray(from), bytes.length - from + 1)
      return undefined
    }
    // The parser says what is wrong, in its own words, and ends the client.
    if (head === 'malformed' || head.length > bytesMax()) {
      parse(bytes.subarray(from))
      return bytes.length
    }
    const end = head.bodyAt + head.length
    if (end > bytes.length) {
      gathering.keep(bytes.subarray(from), end - from)
      return undefined
    }
    const frame = publishAt(bytes, bytes[from] ?? 0, { bodyAt: head.bodyAt, end })
    if (frame && take(frame)) taken = true
    else parse(bytes.subarray(from, end))
    return end
  }

  /** As `step`; what a client sent over a rate rests until its turn came. */
  const goOn = (bytes: Buffer, from: number): number | undefined => {
    // Behind a DISCONNECT nothing is met [MQTT-3.14.4-2].
    if (from >= bytes.length || client.closed || client.conn.destroyed) return undefined
    if (!isStopped(client, 'turn')) return step(bytes, from)
    gathering.keep(bytes.subarray(from), 0)
    return undefined
  }

  parser.parse = (chunk) => {
    const bytes = gathering.add(chunk)
    for (let at: number | undefined = 0; bytes && at !== undefined; ) at = goOn(bytes, at)
    if (taken) refreshKeepAlive(client)
    taken = false
    if (gathering.length === held) return
    held = gathering.length
    onHeld(held)
  }
}

import { ProtoReader } from '../../protocol/proto-bytes.ts'
import type { Followed, StoredEvent } from './event-store.ts'

// `ReadResp` of EventStoreDB's streams.proto, of which a subscription needs these fields alone. The generated classes of the client take
// twice the time of all that is read and folded of an event.

const response = { event: 1, checkpoint: 3, caughtUp: 8 }
const read = { event: 1 }
const recorded = { id: 1, stream: 2, revision: 3, commit: 5, about: 6, metadata: 7, data: 8 }
const idText = 2
const streamName = 3
const pair = { key: 1, value: 2 }
const checkpointCommit = 1

const jsonType = 'application/json'
// .NET ticks in decimal: 10,000 are a millisecond.
const ticksDigits = 4

/** The one field of that number in a message, as text. */
const textIn = (message: ProtoReader, field: number): string => {
  let text = ''
  while (message.next()) {
    if (message.field === field) text = message.text()
    else message.skip()
  }
  return text
}

/** What cannot be parsed is what it is. */
const parsed = <Fallback>(bytes: Buffer, otherwise: (bytes: Buffer) => Fallback): unknown => {
  try {
    return JSON.parse(bytes.toString('utf8'))
  } catch {
    return otherwise(bytes)
  }
}

const none: Buffer = Buffer.alloc(0)

/** What a recorded event says, field by field. */
class Recorded {
  id = ''
  stream = ''
  revision = 0
  position = 0
  metadata = none
  data = none
  type = ''
  contentType = ''
  created = '0'

  constructor(message: ProtoReader) {
    while (message.next()) this.#take(message)
  }

  #take(message: ProtoReader): void {
    switch (message.field) {
      case recorded.id:
        this.id = textIn(message.message(), idText)
        break
      case recorded.stream:
        this.stream = textIn(message.message(), streamName)
        break
      case recorded.revision:
        this.revision = message.varint()
        break
      case recorded.commit:
        this.position = message.varint()
        break
      case recorded.about:
        this.#takeAbout(message.message())
        break
      case recorded.metadata:
        this.metadata = message.view()
        break
      case recorded.data:
        this.data = message.view()
        break
      default:
        message.skip()
    }
  }

  #takeAbout(message: ProtoReader): void {
    let key = ''
    let value = ''
    while (message.next()) {
      if (message.field === pair.key) key = message.text()
      else if (message.field === pair.value) value = message.text()
      else message.skip()
    }
    if (key === 'type') this.type = value
    else if (key === 'content-type') this.contentType = value
    else if (key === 'created') this.created = value
  }
}

class Stored implements StoredEvent {
  readonly id: string
  readonly type: string
  readonly stream: string
  readonly revision: number
  readonly position: bigint
  readonly createdMs: number
  readonly data: unknown
  readonly metadataBytes: Buffer
  #metadata: unknown

  constructor({ id, type, stream, revision, position, created, ...of }: Recorded) {
    this.id = id
    this.type = type
    this.stream = stream
    this.revision = revision
    // Below 2^53, as the bytes of a log are.
    this.position = BigInt(position)
    this.createdMs = Number(created.slice(0, -ticksDigits))
    this.data = of.contentType === jsonType ? parsed(of.data, String) : of.data
    this.metadataBytes = of.metadata
  }

  // Who folds the log needs four members of it, and finds them faster than all of it is parsed.
  get metadata(): unknown {
    if (this.metadataBytes.length === 0) return undefined
    this.#metadata ??= parsed(this.metadataBytes, (bytes) => bytes)
    return this.#metadata
  }
}

/** Where a link has no event any more there is none. */
const eventIn = (message: ProtoReader): Followed | undefined => {
  let event: StoredEvent | undefined
  while (message.next()) {
    if (message.field === read.event) event = new Stored(new Recorded(message.message()))
    else message.skip()
  }
  return event && { kind: 'event', event }
}

const checkpointIn = (message: ProtoReader): Followed => {
  let position = 0
  while (message.next()) {
    if (message.field === checkpointCommit) position = message.varint()
    else message.skip()
  }
  return { kind: 'checkpoint', position: BigInt(position) }
}

/** What a response of a subscription says; `undefined`: nothing for who follows. Throws where it is cut off. */
export const followedIn = (bytes: Buffer): Followed | undefined => {
  const message = new ProtoReader(bytes)
  let followed: Followed | undefined
  while (message.next()) {
    const { field } = message
    if (field === response.event) followed = eventIn(message.message())
    else if (field === response.checkpoint) followed = checkpointIn(message.message())
    else if (field === response.caughtUp) {
      message.skip()
      followed = { kind: 'caught-up' }
    } else message.skip()
  }
  return followed
}

import {
  blobBytes,
  fieldBytes,
  numberBytes,
  ProtoWriter,
  varintBytes,
  varintTag,
} from '../../protocol/proto-bytes.ts'
import type { ExpectedRevision, NewEvent } from './event-store.ts'

// `BatchAppendReq` of EventStoreDB's streams.proto, as far as Lapel uses it. The generated classes of the client take longer than the
// append itself takes the rest of this process.

const request = { correlation: 1, options: 2, event: 3, isFinal: 4 }
const options = { stream: 1, revision: 2, noStream: 3, deadline: 6 }
const proposed = { id: 1, about: 2, metadata: 3, data: 4 }
const pair = { key: 1, value: 2 }
const idText = 2
const streamName = 3
const seconds = 1
const nanos = 2
const nanosPerMs = 1_000_000

const uuidCharacters = 36
const uuidLength = 2 + uuidCharacters
const contentTypes = { json: 'application/json', bytes: 'application/octet-stream' }

const textBytes = (text: string): number => fieldBytes(Buffer.byteLength(text))

const entryBytes = (key: string, value: string): number => textBytes(key) + textBytes(value)

const writeText = (writer: ProtoWriter, field: number, text: string): void =>
  writer.text(field, text, Buffer.byteLength(text))

const writeUuid = (writer: ProtoWriter, field: number, uuid: string): void => {
  writer.open(field, uuidLength)
  writer.text(idText, uuid, uuidCharacters)
}

const writeEntry = (writer: ProtoWriter, key: string, value: string): void => {
  writer.open(proposed.about, entryBytes(key, value))
  writeText(writer, pair.key, key)
  writeText(writer, pair.value, value)
}

type Encoded = {
  readonly id: string
  readonly about: readonly (readonly [key: string, value: string])[]
  readonly data: Uint8Array
  readonly metadata: Uint8Array
  readonly size: number
}

const encoded = ({ id, type, data, metadata }: NewEvent): Encoded => {
  const isBytes = data instanceof Uint8Array
  const about = [
    ['type', type],
    ['content-type', isBytes ? contentTypes.bytes : contentTypes.json],
  ] as const
  const bytes = isBytes ? data : Buffer.from(JSON.stringify(data), 'utf8')
  const envelope = Buffer.from(JSON.stringify(metadata), 'utf8')
  const aboutBytes = about.reduce(
    (sum, [key, value]) => sum + fieldBytes(entryBytes(key, value)),
    0,
  )
  const size = fieldBytes(uuidLength) + aboutBytes + blobBytes(bytes) + blobBytes(envelope)
  return { id, about, data: bytes, metadata: envelope, size }
}

const writeEvent = (writer: ProtoWriter, event: Encoded): void => {
  writer.open(request.event, event.size)
  writeUuid(writer, proposed.id, event.id)
  for (const [key, value] of event.about) writeEntry(writer, key, value)
  writer.blob(proposed.metadata, event.metadata)
  writer.blob(proposed.data, event.data)
}

export type AppendRequest = {
  /** A UUID, by which the answer is known. */
  readonly correlation: string
  readonly stream: string
  readonly events: readonly NewEvent[]
  readonly expected: ExpectedRevision
  /** Unix milliseconds: from then on the store may give up. */
  readonly deadlineMs: number
}

/** The one message of an append. `dataBytes`: of its events' data. */
export const appendRequest = ({
  correlation,
  stream,
  events,
  expected,
  deadlineMs,
}: AppendRequest): { readonly bytes: Buffer; readonly dataBytes: number } => {
  const proposals = events.map(encoded)
  const deadlineSeconds = Math.floor(deadlineMs / 1_000)
  const deadlineNanos = Math.floor(deadlineMs % 1_000) * nanosPerMs
  const deadlineBytes = numberBytes(deadlineSeconds) + numberBytes(deadlineNanos)
  const nameBytes = textBytes(stream)
  const expectedBytes = expected === 'no_stream' ? fieldBytes(0) : 1 + varintBytes(expected)
  const optionsBytes = fieldBytes(nameBytes) + expectedBytes + fieldBytes(deadlineBytes)
  const eventsBytes = proposals.reduce((sum, { size }) => sum + fieldBytes(size), 0)
  const writer = new ProtoWriter(
    fieldBytes(uuidLength) + fieldBytes(optionsBytes) + eventsBytes + numberBytes(1),
  )
  writeUuid(writer, request.correlation, correlation)
  writer.open(request.options, optionsBytes)
  writer.open(options.stream, nameBytes)
  writeText(writer, streamName, stream)
  if (expected === 'no_stream') writer.open(options.noStream, 0)
  else {
    // A member of a choice is written even where it is 0.
    writer.varint(varintTag(options.revision))
    writer.varint(expected)
  }
  writer.open(options.deadline, deadlineBytes)
  writer.number(seconds, deadlineSeconds)
  writer.number(nanos, deadlineNanos)
  for (const proposal of proposals) writeEvent(writer, proposal)
  writer.number(request.isFinal, 1)
  return {
    bytes: writer.bytes,
    dataBytes: proposals.reduce((sum, { data }) => sum + data.length, 0),
  }
}

import shared from '@eventstore/db-client/generated/shared_pb.js'
import {
  fieldBytes,
  lengthTag,
  ProtoReader,
  ProtoWriter,
  varintBytes,
  varintTag,
} from '../../../../protocol/proto-bytes.ts'
import type { Expected } from '../check-append.ts'
import { propose, type RawProposal } from '../proposals.ts'
import type { Proposed } from '../stored.ts'
import { uuidText, wholeUuidText } from '../wire.ts'

/** What a BatchAppendReq says. */
export type BatchRequest = {
  /** The UUID message as it came, to be sent back. */
  readonly correlation: Buffer | undefined
  readonly options: BatchOptions | undefined
  readonly events: readonly Proposed[]
  /** What is wrong with the first event that is not as it must be; those behind it are left out. */
  readonly malformed: unknown
  readonly isFinal: boolean
}

export type BatchOptions = {
  readonly stream: string
  readonly expected: Expected | undefined
  /** Unix milliseconds. */
  readonly deadlineMs: number | undefined
}

/** A UUID message as text; `undefined` when it is none, or all zeros. */
export const uuidIn = (message: Buffer | undefined): string | undefined => {
  if (!message) return undefined
  const isText = message.length === 38 && message[0] === lengthTag(2) && message[1] === 36
  return isText
    ? wholeUuidText(message.toString('latin1', 2))
    : uuidText(shared.UUID.deserializeBinary(message))
}

const streamIn = (reader: ProtoReader): string => {
  let name = ''
  while (reader.next()) {
    if (reader.field === 3) name = reader.text()
    else reader.skip()
  }
  return name
}

const timestampIn = (reader: ProtoReader): number => {
  let ms = 0
  while (reader.next()) {
    if (reader.field === 1) ms += reader.varint() * 1_000
    else if (reader.field === 2) ms += reader.varint() / 1e6
    else reader.skip()
  }
  return ms
}

const expectations: Readonly<Record<number, Expected>> = {
  3: 'no_stream',
  4: 'any',
  5: 'stream_exists',
}

const optionsIn = (reader: ProtoReader): BatchOptions => {
  let stream = ''
  let expected: Expected | undefined
  let deadlineMs: number | undefined
  while (reader.next()) {
    const { field } = reader
    if (field === 1) stream = streamIn(reader.message())
    else if (field === 2) expected = Math.min(reader.varint(), Number.MAX_SAFE_INTEGER)
    else if (field === 6) deadlineMs = timestampIn(reader.message())
    else {
      expected = expectations[field] ?? expected
      reader.skip()
    }
  }
  return { stream, expected, deadlineMs }
}

const entryIn = (reader: ProtoReader, found: RawProposal): void => {
  let [key, value] = ['', '']
  while (reader.next()) {
    if (reader.field === 1) key = reader.text()
    else if (reader.field === 2) value = reader.text()
    else reader.skip()
  }
  if (key === 'type') found.type = value
  else if (key === 'content-type') found.contentType = value
}

const nothing = Buffer.alloc(0)

const proposalIn = (reader: ProtoReader): RawProposal => {
  const found: RawProposal = {
    id: undefined,
    type: undefined,
    contentType: undefined,
    data: nothing,
    metadata: nothing,
  }
  while (reader.next()) {
    if (reader.field === 1) found.id = uuidIn(reader.view())
    else if (reader.field === 2) entryIn(reader.message(), found)
    else if (reader.field === 3) found.metadata = reader.view()
    else if (reader.field === 4) found.data = reader.view()
    else reader.skip()
  }
  return found
}

/** The request in a message's bytes. Event contents are views of them. Throws when they are no protobuf. */
export const decodeBatchAppend = (bytes: Buffer): BatchRequest => {
  const reader = new ProtoReader(bytes)
  const events: Proposed[] = []
  let correlation: Buffer | undefined
  let options: BatchOptions | undefined
  let malformed: unknown
  let isFinal = false
  const take = (raw: RawProposal) => {
    if (malformed !== undefined) return
    try {
      events.push(propose(raw))
    } catch (error) {
      malformed = error
    }
  }
  while (reader.next()) {
    if (reader.field === 1) correlation = reader.view()
    else if (reader.field === 2) options = optionsIn(reader.message())
    else if (reader.field === 3) take(proposalIn(reader.message()))
    else if (reader.field === 4) isFinal = reader.varint() !== 0
    else reader.skip()
  }
  return { correlation, options, events, malformed, isFinal }
}

/** What was written: its last revision, −1 when nothing ever was, and the position of its last event. */
export type Success = { readonly revision: number; readonly position: number | undefined }

// The members of a choice are written even where they are 0.
const choice = (writer: ProtoWriter, field: number, value: number): void => {
  writer.varint(varintTag(field))
  writer.varint(value)
}

/** `BatchAppendResp` with a success: the bytes that the generated classes would make. */
export const encodeBatchSuccess = (
  { revision, position }: Success,
  stream: string,
  correlation: Uint8Array,
): Buffer => {
  const nameBytes = Buffer.byteLength(stream)
  const placeBytes = position === undefined ? 0 : 2 * (1 + varintBytes(position))
  const successBytes = (revision < 0 ? 2 : 1 + varintBytes(revision)) + fieldBytes(placeBytes)
  const size = [correlation.length, successBytes, fieldBytes(nameBytes)]
  const writer = new ProtoWriter(size.reduce((sum, length) => sum + fieldBytes(length), 0))
  writer.open(1, correlation.length)
  writer.raw(correlation)
  writer.open(3, successBytes)
  if (revision < 0) writer.open(2, 0)
  else choice(writer, 1, revision)
  writer.open(position === undefined ? 4 : 3, placeBytes)
  if (position !== undefined) for (const field of [1, 2]) choice(writer, field, position)
  writer.open(4, fieldBytes(nameBytes))
  writer.text(3, stream, nameBytes)
  return writer.bytes
}

import { ProtoReader } from '../../protocol/proto-bytes.ts'
import type { AppendResult } from './event-store.ts'

// `BatchAppendResp` of EventStoreDB's streams.proto.

const response = { correlation: 1, error: 2, success: 3 }
const uuid = { structured: 1, text: 2 }
const structured = { mostSignificant: 1, leastSignificant: 2 }
const success = { revision: 1, position: 3 }
const position = { commit: 1 }
const status = { message: 2, details: 3 }
const any = { type: 1 }

const wrongExpectedVersion = /\.WrongExpectedVersion$/

/** `refused`: nothing was written, for the reason it gives. */
export type Answer =
  | AppendResult
  /** A repeat whose original was deleted since has no position. */
  | { readonly kind: 'appended-somewhere' }
  | { readonly kind: 'refused'; readonly because: string }

export type Answered = { readonly correlation: string; readonly answer: Answer }

const hex = (bytes: bigint): string => BigInt.asUintN(64, bytes).toString(16).padStart(16, '0')

const uuidOf = (most: bigint, least: bigint): string =>
  `${hex(most)}${hex(least)}`.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5')

/** EventStoreDB sends it as two numbers, whichever way it came. */
const uuidIn = (message: ProtoReader): string => {
  let text = ''
  while (message.next()) {
    if (message.field === uuid.text) text = message.text().toLowerCase()
    else if (message.field === uuid.structured) {
      const halves = [0n, 0n, 0n]
      const both = message.message()
      while (both.next()) halves[both.field] = both.varint64()
      const { mostSignificant, leastSignificant } = structured
      text = uuidOf(halves[mostSignificant] ?? 0n, halves[leastSignificant] ?? 0n)
    } else message.skip()
  }
  return text
}

const commitIn = (message: ProtoReader): number => {
  let commit = 0
  while (message.next()) {
    if (message.field === position.commit) commit = message.varint()
    else message.skip()
  }
  return commit
}

const successIn = (message: ProtoReader): Answer => {
  let revision = -1
  let commit: number | undefined
  while (message.next()) {
    if (message.field === success.revision) revision = message.varint()
    else if (message.field === success.position) commit = commitIn(message.message())
    else message.skip()
  }
  if (commit === undefined) return { kind: 'appended-somewhere' }
  // Below 2^53, as the bytes of a log are.
  return { kind: 'appended', position: BigInt(commit), revision }
}

const typeIn = (message: ProtoReader): string => {
  let type = ''
  while (message.next()) {
    if (message.field === any.type) type = message.text()
    else message.skip()
  }
  return type
}

const errorIn = (message: ProtoReader): Answer => {
  let because = ''
  let type = ''
  while (message.next()) {
    if (message.field === status.message) because = message.text()
    else if (message.field === status.details) type = typeIn(message.message())
    else message.skip()
  }
  if (wrongExpectedVersion.test(type)) return { kind: 'conflict' }
  return { kind: 'refused', because: [because, type].filter((part) => part !== '').join(' ') }
}

/** What a response says, and to which append. Throws where it is cut off, or says nothing. */
export const appendResponse = (bytes: Buffer): Answered => {
  const message = new ProtoReader(bytes)
  let correlation = ''
  let answer: Answer | undefined
  while (message.next()) {
    const { field } = message
    if (field === response.correlation) correlation = uuidIn(message.message())
    else if (field === response.error) answer = errorIn(message.message())
    else if (field === response.success) answer = successIn(message.message())
    else message.skip()
  }
  if (!answer) throw new Error('The event store answered an append with neither success nor error.')
  return { correlation, answer }
}

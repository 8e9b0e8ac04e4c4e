import type { Empty, StreamIdentifier, UUID } from '@eventstore/db-client/generated/shared_pb.js'
import shared from '@eventstore/db-client/generated/shared_pb.js'
import type { ReadResp } from '@eventstore/db-client/generated/streams_pb.js'
import streams from '@eventstore/db-client/generated/streams_pb.js'

/** How a reader wants ids: as text, or as two 64-bit halves. */
export type UuidForm = 'string' | 'structured'

const half = (hex: string): string => BigInt.asIntN(64, BigInt(`0x${hex}`)).toString()

export const uuidMessage = (id: string, form: UuidForm): UUID => {
  const message = new shared.UUID()
  if (form === 'string') return message.setString(id)
  const hex = id.replaceAll('-', '')
  const structured = new shared.UUID.Structured()
    .setMostSignificantBits(half(hex.slice(0, 16)))
    .setLeastSignificantBits(half(hex.slice(16)))
  return message.setStructured(structured)
}

const wholeUuid = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/
const zeroUuid = '00000000-0000-0000-0000-000000000000'

const hexOf = (decimal: string): string =>
  BigInt.asUintN(64, BigInt(decimal)).toString(16).padStart(16, '0')

/** The id in lower case, or `undefined` when it is malformed or all zeros. */
export const wholeUuidText = (text: string): string | undefined => {
  const lower = text.toLowerCase()
  return wholeUuid.test(lower) && lower !== zeroUuid ? lower : undefined
}

/** The id as text, or `undefined` when there is none, it is malformed, or all zeros. */
export const uuidText = (message: UUID | undefined): string | undefined => {
  if (!message) return undefined
  const structured = message.getStructured()
  const hex = structured
    ? hexOf(structured.getMostSignificantBits()) + hexOf(structured.getLeastSignificantBits())
    : ''
  const text = structured
    ? hex.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5')
    : message.getString()
  return wholeUuidText(text)
}

export const streamName = (identifier: StreamIdentifier | undefined): string =>
  identifier ? Buffer.from(identifier.getStreamName_asU8()).toString('utf8') : ''

export const streamIdentifier = (name: string): StreamIdentifier =>
  new shared.StreamIdentifier().setStreamName(Buffer.from(name))

/** A 64-bit number of a request; what is past every revision and position is the largest of them. */
export const asNumber = (value: bigint | string): number =>
  Math.min(Number(value), Number.MAX_SAFE_INTEGER)

type Place<P> = { setCommitPosition(value: string): P; setPreparePosition(value: string): P }

/** Commit and prepare position are the same here. */
export const placed = <P extends Place<P>>(place: P, position: number): P =>
  place.setCommitPosition(String(position)).setPreparePosition(String(position))

export const confirmationMessage = (id: string): ReadResp =>
  new streams.ReadResp().setConfirmation(
    new streams.ReadResp.SubscriptionConfirmation().setSubscriptionId(id),
  )

export const checkpointMessage = (position: number): ReadResp =>
  new streams.ReadResp().setCheckpoint(placed(new streams.ReadResp.Checkpoint(), position))

export const caughtUpMessage = (): ReadResp =>
  new streams.ReadResp().setCaughtUp(new streams.ReadResp.CaughtUp())

export const notFoundMessage = (name: string): ReadResp =>
  new streams.ReadResp().setStreamNotFound(
    new streams.ReadResp.StreamNotFound().setStreamIdentifier(streamIdentifier(name)),
  )

export const lastRevisionMessage = (revision: number): ReadResp =>
  new streams.ReadResp().setLastStreamPosition(String(revision))

export const firstRevisionMessage = (revision: number): ReadResp =>
  new streams.ReadResp().setFirstStreamPosition(String(revision))

export const empty = (): Empty => new shared.Empty()

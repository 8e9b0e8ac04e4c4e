import type { RecordingId } from '../../../protocol/ids.ts'
import { type Instant, instantOf, parseInstant } from '../../../protocol/instant.ts'
import { recordingPayloadBytesMax } from '../../../protocol/limits.ts'
import type { Boot } from '../../../protocol/payloads.ts'
import {
  type ChunksPayload,
  chunksMessage,
  type FinishPayload,
  finishMessage,
  type StartPayload,
  startMessage,
} from '../../../protocol/recording-payloads.ts'
import { recordingIdOf, type TopicRecording, type UpTopic } from '../../../protocol/topics.ts'
import type { Session } from '../../auth/ports.ts'
import { decodePayload } from '../payload.ts'
import { type Fault, fault, invalid } from '../uplink.ts'

export type RecordingTopic = Extract<UpTopic, { readonly recording: TopicRecording }>

export const isOfRecording = (topic: UpTopic): topic is RecordingTopic =>
  topic.kind.startsWith('recording-')

/** What every message about a recording says. */
type About = {
  readonly recordingId: RecordingId
  /** As the device spells it. */
  readonly spelled: TopicRecording
  readonly boot: Boot | undefined
  /** The device's clock when it was sent, as far as it is a time. */
  readonly at: Instant | undefined
  readonly seq: number | undefined
}

export type RecordingMessage = About &
  (
    | { readonly kind: 'recording-start'; readonly payload: StartPayload }
    | { readonly kind: 'recording-chunks'; readonly payload: ChunksPayload }
    | { readonly kind: 'recording-finish'; readonly payload: FinishPayload }
  )

const schemas = {
  'recording-start': startMessage,
  'recording-chunks': chunksMessage,
  'recording-finish': finishMessage,
} as const

/** The greatest moment that ECMAScript has a date for. */
const lastMs = 8.64e15

/** The device's clock as a time; `undefined` where it says none. */
export const clockOf = (at: string | number | undefined): Instant | undefined => {
  const ms = typeof at === 'string' ? Date.parse(at) : at
  return ms === undefined || !(Math.abs(ms) <= lastMs) ? undefined : parseInstant(instantOf(ms))
}

/** The message about a recording, or what is wrong with it. */
export const recordingMessageOf = (
  topic: RecordingTopic,
  bytes: Uint8Array,
  { principal }: Session,
): RecordingMessage | Fault => {
  if (bytes.length > recordingPayloadBytesMax) return fault('too_large')
  const decoded = decodePayload(bytes, topic.encoding)
  if (decoded.kind === 'malformed')
    return { kind: 'fault', code: 'malformed', message: decoded.reason }
  const parsed = schemas[topic.kind].safeParse(decoded.value)
  if (!parsed.success) return invalid(parsed.error, decoded.value)
  const { boot, at, seq, ...payload } = parsed.data
  const about: About = {
    recordingId: recordingIdOf(principal.deviceId, topic.recording),
    spelled: topic.recording,
    boot,
    at: clockOf(at),
    seq,
  }
  // The schema is the one of this kind.
  return { ...about, kind: topic.kind, payload } as RecordingMessage
}

import type { RecordingEvent } from '../../../protocol/events/lifecycle.ts'
import type { Instant } from '../../../protocol/instant.ts'
import { deviceInstant } from '../../../protocol/recording-payloads.ts'
import type { Session } from '../../auth/ports.ts'
import type { Decision } from '../../domain/decision.ts'
import {
  type AnnouncedChunk,
  type AnnounceOutcome,
  announce,
  type FinishOutcome,
  finish,
  type Start,
  type StartOutcome,
  start,
} from '../../domain/recording/device-decisions.ts'
import { type OwnerOf, ownerBy } from '../../domain/recording/owner.ts'
import { type KnownRecording, type Recording, recording } from '../../domain/recording/state.ts'
import type { Log } from '../../store/log.ts'
import { recordingStream } from '../../store/streams.ts'
import { bindingsOf, type ClockSamples, skewOf } from './evidence.ts'
import type { RecordingMessage } from './messages.ts'
import type { RecordingDeps } from './ports.ts'

type Deps = Pick<RecordingDeps, 'ledger' | 'reads'> & { readonly log: Log }

/** A message as it was received. */
export type Received<Message extends RecordingMessage = RecordingMessage> = {
  readonly session: Session
  readonly samples: ClockSamples
  readonly message: Message
  readonly receivedAt: Instant
}
type StartMessage = Extract<RecordingMessage, { readonly kind: 'recording-start' }>
type ChunksMessage = Extract<RecordingMessage, { readonly kind: 'recording-chunks' }>
type FinishMessage = Extract<RecordingMessage, { readonly kind: 'recording-finish' }>

export type Outcome = StartOutcome | AnnounceOutcome | FinishOutcome
export type Decided = { readonly outcome: Outcome; readonly state: Recording }

/** Never asked: whoever uses it knows that the recording began. */
const beganBefore: OwnerOf = () => {
  throw new Error('a recording that began is to begin again')
}

const transact = async (
  { ledger }: Deps,
  { session: { principal }, message }: Received,
  decide: (state: Recording) => Decision<Outcome, RecordingEvent>,
): Promise<Decided> => {
  const { project, deviceId } = principal
  const stream = recordingStream(project, message.recordingId)
  const by = { project, actor: deviceId, requestId: null }
  const done = await ledger.transact(stream, recording, () => decide, by)
  if (done.kind !== 'done') throw new Error('a message of a device has no Idempotency-Key')
  return done
}

type Began = Pick<Start, 'startedAt' | 'boot'> & { readonly isClockSynced: boolean }

const ownerOfStart = async (
  deps: Deps,
  { session, samples, receivedAt }: Received,
  { boot, isClockSynced }: Began,
): Promise<OwnerOf> => {
  const bindings = await bindingsOf(deps, session.principal)
  const skewMs = await skewOf(deps, session.principal, samples, boot)
  return ownerBy({ bindings, skewMs, isClockSynced, receivedAt })
}

const startArgs = (
  { session, message }: Received,
  { startedAt, boot }: Began,
  ownerOf: OwnerOf,
): Start => ({
  recordingId: message.recordingId,
  source: 'mqtt',
  deviceId: session.principal.deviceId,
  ownerOf,
  codec: null,
  sampleRate: null,
  startedAt,
  boot,
})

export const decideStart = async (
  deps: Deps,
  received: Received<StartMessage>,
): Promise<Decided> => {
  const { payload, boot = null } = received.message
  const startedAt = deviceInstant(payload.started_at)
  const began = { startedAt, boot, isClockSynced: payload.clock_synced === true }
  const ownerOf = await ownerOfStart(deps, received, began)
  const args = {
    ...startArgs(received, began, ownerOf),
    codec: payload.codec,
    sampleRate: payload.sample_rate,
    channels: payload.channels,
  }
  return transact(deps, received, start(args))
}

const announcedIn = ({ message }: Received<ChunksMessage>): readonly AnnouncedChunk[] =>
  message.payload.chunks.map(({ index, bytes, sha256, started_at, duration_ms = null }) => ({
    index,
    bytes,
    sha256,
    startedAt: started_at === undefined ? null : deviceInstant(started_at),
    durationMs: duration_ms,
  }))

/** Of a recording whose start did not come: when its first chunk began, or when that was said. A time of our clock is nobody's evidence. */
const beganWith = ({ message, receivedAt }: Received<ChunksMessage>): Began => {
  const [first] = message.payload.chunks.toSorted((a, b) => a.index - b.index)
  const said = first?.started_at === undefined ? message.at : deviceInstant(first.started_at)
  const boot = said === undefined ? null : (message.boot ?? null)
  return { startedAt: said ?? receivedAt, boot, isClockSynced: false }
}

export const decideChunks = async (
  deps: Deps,
  received: Received<ChunksMessage>,
  hasBegun: boolean,
): Promise<Decided> => {
  const began = beganWith(received)
  const ownerOf = hasBegun ? beganBefore : await ownerOfStart(deps, received, began)
  const begin = startArgs(received, began, ownerOf)
  return transact(deps, received, announce({ begin, chunks: announcedIn(received) }))
}

/** Judged by the clock of the boot in which it began, and its end by that of the boot in which it ended. */
const ownerOfWhole = async (
  deps: Deps,
  { session, samples, message, receivedAt }: Received<FinishMessage>,
  { boot, skewMs: before }: KnownRecording,
): Promise<OwnerOf> => {
  const bindings = await bindingsOf(deps, session.principal)
  const skewMs = (await skewOf(deps, session.principal, samples, boot)) ?? before
  const isAnother = message.boot !== undefined && boot !== null && message.boot !== boot
  const endSkewMs = isAnother
    ? await skewOf(deps, session.principal, samples, message.boot)
    : undefined
  return ownerBy({ bindings, skewMs, endSkewMs, isClockSynced: false, receivedAt })
}

export const decideFinish = async (
  deps: Deps,
  received: Received<FinishMessage>,
): Promise<Decided> => {
  const { session, message } = received
  const { project, deviceId } = session.principal
  const { state } = await deps.ledger.read(recordingStream(project, message.recordingId), recording)
  const ownerOf =
    state.kind === 'known' && state.deviceId === deviceId
      ? await ownerOfWhole(deps, received, state)
      : undefined
  const { total_chunks, total_bytes, duration_ms, ended_at, reason = null } = message.payload
  const args = {
    deviceId,
    ownerOf,
    totalChunks: total_chunks,
    totalBytes: total_bytes,
    durationMs: duration_ms,
    endedAt: deviceInstant(ended_at),
    reason,
  }
  return transact(deps, received, finish(args))
}

import type { RecordingEvent } from '../../../protocol/events/lifecycle.ts'
import type { DeviceId, EndUserId, RecordingId } from '../../../protocol/ids.ts'
import type { Instant } from '../../../protocol/instant.ts'
import type { Codec } from '../../../protocol/media.ts'
import type { Boot } from '../../../protocol/payloads.ts'
import { highest } from '../../../protocol/ranges.ts'
import { type Decision, type Refusal, refuse, yielding } from '../decision.ts'
import { chunkAt } from './chunks.ts'
import type { Owner, OwnerOf } from './owner.ts'
import type { Finish, KnownRecording, Recording } from './state.ts'
import { isClosed } from './status.ts'

/** What devices say of a recording, and what their backends say for them. */

export type Start = {
  readonly recordingId: RecordingId
  readonly source: 'mqtt' | 'http'
  readonly deviceId: DeviceId | null
  readonly ownerOf: OwnerOf
  readonly codec: Codec | null
  readonly sampleRate: number | null
  readonly channels?: number | undefined
  /** By the device's clock. */
  readonly startedAt: Instant
  /** Where it is over already. */
  readonly endedAt?: Instant | undefined
  readonly boot: Boot | null
  readonly sealed?: string | undefined
  readonly sealedFor?: EndUserId | undefined
}

const ownerData = ({ endUserId, bindingId, skewMs, quarantineReason }: Owner) => ({
  end_user_id: endUserId,
  binding_id: bindingId,
  skew_ms: skewMs,
  ...(quarantineReason !== null && { quarantine_reason: quarantineReason }),
})

const startedBy = (start: Start, endedAt = start.startedAt): RecordingEvent => ({
  type: 'RecordingStarted',
  data: {
    recording_id: start.recordingId,
    source: start.source,
    device_id: start.deviceId,
    ...ownerData(start.ownerOf({ from: start.startedAt, to: endedAt })),
    codec: start.codec,
    sample_rate: start.sampleRate,
    ...(start.channels !== undefined && { channels: start.channels }),
    started_at: start.startedAt,
    ...(start.endedAt !== undefined && { ended_at: start.endedAt }),
    boot: start.boot,
    ...(start.sealed !== undefined && { sealed: start.sealed }),
    ...(start.sealedFor !== undefined && { sealed_for: start.sealedFor }),
  },
})

/** `closed`: it takes nothing more; deleted ones too. */
export type Shut = 'other-device' | 'closed'

const shut = (state: KnownRecording, deviceId: DeviceId | null): 'other-device' | undefined =>
  state.deviceId === deviceId ? undefined : 'other-device'

/** A recording that began with its chunks is still without what its start says. */
const lacksDetails = (state: KnownRecording): boolean => state.codec === null && !isClosed(state)

/** `detailed`: it had begun without its start. */
export type StartOutcome =
  | { readonly kind: 'started' | 'detailed' | 'known' }
  | Refusal<'other-device'>

export const start =
  (args: Start) =>
  (state: Recording): Decision<StartOutcome, RecordingEvent> => {
    if (state.kind === 'unknown') return yielding({ kind: 'started' }, startedBy(args))
    const because = shut(state, args.deviceId)
    if (because) return refuse(because)
    if (args.codec === null || !lacksDetails(state)) return yielding({ kind: 'known' })
    return yielding({ kind: 'detailed' }, startedBy(args, state.finish?.endedAt))
  }

export type AnnouncedChunk = {
  readonly index: number
  readonly bytes: number
  readonly sha256: string
  readonly startedAt: Instant | null
  readonly durationMs: number | null
}

export type AnnounceOutcome =
  | {
      readonly kind: 'announced'
      /** How many of them are new. */
      readonly fresh: number
      /** Indices that were announced with another content. */
      readonly conflicting: readonly number[]
      /** Indices that come too late. */
      readonly closed: readonly number[]
    }
  | Refusal<'other-device'>

const announcedBy = (chunks: readonly AnnouncedChunk[]): RecordingEvent => ({
  type: 'ChunksAnnounced',
  data: {
    chunks: chunks.map(({ index, bytes, sha256, startedAt, durationMs }) => ({
      index,
      bytes,
      sha256,
      started_at: startedAt,
      duration_ms: durationMs,
    })),
  },
})

type Verdict = 'fresh' | 'known' | 'conflicting' | 'closed'

const isSame = (one: AnnouncedChunk, other: AnnouncedChunk): boolean =>
  one.sha256 === other.sha256 && one.bytes === other.bytes

const met = (state: KnownRecording, chunk: AnnouncedChunk): Verdict => {
  const known = chunkAt(state.chunks, chunk.index)
  if (known && !isSame(known, chunk)) return 'conflicting'
  if (isClosed(state) && known?.object == null) return 'closed'
  if (known) return 'known'
  return state.finish && chunk.index > state.finish.totalChunks ? 'closed' : 'fresh'
}

/** Each chunk on its own: one that is wrong does not hold up the others. */
const sort = (state: Recording, chunks: readonly AnnouncedChunk[]) => {
  const sorted = { fresh: new Map<number, AnnouncedChunk>(), conflicting: [], closed: [] } as {
    readonly fresh: Map<number, AnnouncedChunk>
    readonly conflicting: number[]
    readonly closed: number[]
  }
  for (const chunk of chunks) {
    const { index } = chunk
    const before = sorted.fresh.get(index)
    const verdict = state.kind === 'known' ? met(state, chunk) : 'fresh'
    if (before && !isSame(before, chunk)) sorted.conflicting.push(index)
    else if (verdict === 'fresh') sorted.fresh.set(index, before ?? chunk)
    else if (verdict !== 'known') sorted[verdict].push(index)
  }
  return { ...sorted, fresh: [...sorted.fresh.values()] }
}

/** Announcing an unknown recording starts it, as `begin` says. */
export const announce =
  (args: { readonly begin: Start; readonly chunks: readonly AnnouncedChunk[] }) =>
  (state: Recording): Decision<AnnounceOutcome, RecordingEvent> => {
    const because = state.kind === 'known' && shut(state, args.begin.deviceId)
    if (because) return refuse(because)
    const { fresh, conflicting, closed } = sort(state, args.chunks)
    const outcome = { kind: 'announced', fresh: fresh.length, conflicting, closed } as const
    const begun = state.kind === 'unknown' ? [startedBy(args.begin)] : []
    const events = fresh.length > 0 ? [...begun, announcedBy(fresh)] : begun
    return yielding(outcome, ...events)
  }

export type FinishOutcome =
  | { readonly kind: 'finished' | 'known' }
  /** `closed`: it ended, or was finished otherwise before. */
  | Refusal<'unknown-recording' | 'fewer-than-announced' | Shut>

const isSameFinish = (finish: Finish, args: Omit<Finish, 'at'>): boolean =>
  finish.totalChunks === args.totalChunks &&
  finish.totalBytes === args.totalBytes &&
  finish.durationMs === args.durationMs &&
  finish.endedAt === args.endedAt

const isSameOwner = (state: KnownRecording, owner: Owner): boolean =>
  state.endUserId === owner.endUserId &&
  state.bindingId === owner.bindingId &&
  state.quarantineReason === owner.quarantineReason

/** Decided again on the whole time, unless somebody decided already. */
const ownerDecided = (
  state: KnownRecording,
  endedAt: Instant,
  ownerOf: OwnerOf | undefined,
): readonly RecordingEvent[] => {
  if (!ownerOf || state.isAssigned) return []
  const owner = ownerOf({ from: state.startedAt, to: endedAt })
  if (isSameOwner(state, owner)) return []
  return [{ type: 'RecordingOwnerDecided', data: ownerData(owner) }]
}

const finishing = (args: Omit<Finish, 'at'>): readonly RecordingEvent[] => {
  const finished: RecordingEvent = {
    type: 'RecordingFinished',
    data: {
      total_chunks: args.totalChunks,
      total_bytes: args.totalBytes,
      duration_ms: args.durationMs,
      ended_at: args.endedAt,
      reason: args.reason,
    },
  }
  return args.totalChunks > 0
    ? [finished]
    : [finished, { type: 'RecordingFailed', data: { reason: 'empty' } }]
}

/** Without `ownerOf` whose it is stays as it was. */
export const finish =
  (
    args: Omit<Finish, 'at'> & {
      readonly deviceId: DeviceId | null
      readonly ownerOf?: OwnerOf | undefined
    },
  ) =>
  (state: Recording): Decision<FinishOutcome, RecordingEvent> => {
    if (state.kind === 'unknown') return refuse('unknown-recording')
    const because = shut(state, args.deviceId)
    if (because) return refuse(because)
    if (state.finish && isSameFinish(state.finish, args)) return yielding({ kind: 'known' })
    if (state.finish || isClosed(state)) return refuse('closed')
    if (highest(state.chunks.announced) > args.totalChunks) return refuse('fewer-than-announced')
    const events = [...finishing(args), ...ownerDecided(state, args.endedAt, args.ownerOf)]
    return yielding({ kind: 'finished' }, ...events)
  }

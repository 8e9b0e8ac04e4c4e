import type { RecordingEvent } from '../../../protocol/events/lifecycle.ts'
import type { QuarantineReason } from '../../../protocol/events/recording.ts'
import type { BindingId, DeviceId, EndUserId, MediaId, RecordingId } from '../../../protocol/ids.ts'
import type { Instant } from '../../../protocol/instant.ts'
import type { Codec, MediaKind } from '../../../protocol/media.ts'
import type { Boot } from '../../../protocol/payloads.ts'
import type { Ranges } from '../../../protocol/ranges.ts'
import type { Aggregate, Timed } from '../decision.ts'
import { announced, type Chunks, noChunks, refused, stored } from './chunks.ts'

// --- state

export type StoredObject = {
  readonly object: string
  readonly bytes: number
  readonly sha256: string
}

/** A file of its own. */
export type Media = {
  readonly mediaId: MediaId
  readonly type: MediaKind
  readonly contentType: string
  readonly bytes: number | null
  readonly sha256: string | null
  readonly capturedAt: Instant | null
  readonly announcedAt: Instant
  readonly stored: StoredObject | null
}

export type Finish = {
  readonly totalChunks: number
  readonly totalBytes: number
  readonly durationMs: number
  readonly endedAt: Instant
  readonly reason: string | null
  /** By the server's clock. */
  readonly at: Instant
}

/** How it ended: nothing is added after that. */
export type End =
  | ({ readonly kind: 'stitched'; readonly merkleRoot: string } & StoredObject)
  | { readonly kind: 'incomplete'; readonly missing: Ranges }
  | { readonly kind: 'failed'; readonly reason: string }

export type Written = { readonly sealed: string; readonly sealedFor: EndUserId | null }

export type KnownRecording = {
  readonly kind: 'known'
  readonly recordingId: RecordingId
  readonly source: 'mqtt' | 'http'
  readonly deviceId: DeviceId | null
  readonly endUserId: EndUserId | null
  readonly bindingId: BindingId | null
  readonly skewMs: number | null
  /** `null`: it is somebody's, or was never anybody's. */
  readonly quarantineReason: QuarantineReason | null
  /** Somebody decided whose it is: what devices say changes that no more. */
  readonly isAssigned: boolean
  readonly codec: Codec | null
  readonly sampleRate: number | null
  readonly channels: number | null
  readonly startedAt: Instant
  /** As it was said at its start; its finish knows better. */
  readonly endedAt: Instant | null
  /** Of its file, as whoever put it says. */
  readonly durationMs: number | null
  readonly boot: Boot | null
  /** What people wrote, oldest first, to be laid over each other. */
  readonly written: readonly Written[]
  readonly chunks: Chunks
  readonly media: readonly Media[]
  readonly finish: Finish | null
  readonly end: End | null
  readonly deletedAt: Instant | null
  readonly createdAt: Instant
  readonly updatedAt: Instant
}
export type Recording = { readonly kind: 'unknown' } | KnownRecording

export const initial: Recording = { kind: 'unknown' }

// --- evolve

type Of<Type extends RecordingEvent['type']> = Timed<Extract<RecordingEvent, { type: Type }>>

const writtenIn = ({
  sealed,
  sealed_for,
}: {
  readonly sealed?: string | undefined
  readonly sealed_for?: EndUserId | undefined
}): readonly Written[] => (sealed === undefined ? [] : [{ sealed, sealedFor: sealed_for ?? null }])

const ownerIn = (data: Of<'RecordingOwnerDecided'>['data']) => ({
  endUserId: data.end_user_id,
  bindingId: data.binding_id,
  skewMs: data.skew_ms,
  quarantineReason: data.quarantine_reason ?? null,
})

const detailsIn = (data: Of<'RecordingStarted'>['data']) => ({
  codec: data.codec,
  sampleRate: data.sample_rate,
  channels: data.channels ?? null,
  startedAt: data.started_at,
  boot: data.boot,
})

const started = ({ data, at }: Of<'RecordingStarted'>): KnownRecording => ({
  kind: 'known',
  recordingId: data.recording_id,
  source: data.source,
  deviceId: data.device_id,
  ...ownerIn(data),
  isAssigned: false,
  ...detailsIn(data),
  endedAt: data.ended_at ?? null,
  durationMs: null,
  written: writtenIn(data),
  chunks: noChunks,
  media: [],
  finish: null,
  end: null,
  deletedAt: null,
  createdAt: at,
  updatedAt: at,
})

/** Its start came after what it began with. */
const detailed = (state: KnownRecording, { data }: Of<'RecordingStarted'>) => ({
  ...detailsIn(data),
  ...(state.isAssigned ? {} : ownerIn(data)),
  written: [...state.written, ...writtenIn(data)],
})

const chunksIn = ({ data, at }: Of<'ChunksAnnounced'>) =>
  data.chunks.map(({ index, bytes, sha256, started_at, duration_ms }) => ({
    index,
    bytes,
    sha256,
    startedAt: started_at,
    durationMs: duration_ms,
    announcedAt: at,
    attempt: 0,
    object: null,
  }))

const withMedia = (media: readonly Media[], { data, at }: Of<'MediaAnnounced'>) => [
  ...media,
  {
    mediaId: data.media_id,
    type: data.type,
    contentType: data.content_type,
    bytes: data.bytes ?? null,
    sha256: data.sha256 ?? null,
    capturedAt: data.captured_at ?? null,
    announcedAt: at,
    stored: null,
  },
]

const withStoredMedia = (media: readonly Media[], { data }: Of<'MediaStored'>) => {
  const { media_id, duration_ms: _, ...object } = data
  return media.map((one) => (one.mediaId === media_id ? { ...one, stored: object } : one))
}

const finishIn = ({ data, at }: Of<'RecordingFinished'>): Finish => ({
  totalChunks: data.total_chunks,
  totalBytes: data.total_bytes,
  durationMs: data.duration_ms,
  endedAt: data.ended_at,
  reason: data.reason,
  at,
})

const stitchedIn = ({ object, bytes, sha256, merkle_root }: Of<'RecordingStitched'>['data']) =>
  ({ kind: 'stitched', object, bytes, sha256, merkleRoot: merkle_root }) as const

const changed = (state: KnownRecording, event: Timed<RecordingEvent>): Partial<KnownRecording> => {
  switch (event.type) {
    case 'RecordingStarted':
      return detailed(state, event)
    case 'RecordingOwnerDecided':
      return ownerIn(event.data)
    case 'RecordingUpdated':
      return { written: [...state.written, ...writtenIn(event.data)] }
    case 'MediaAnnounced':
      return { media: withMedia(state.media, event) }
    case 'MediaStored':
      return {
        media: withStoredMedia(state.media, event),
        durationMs: event.data.duration_ms ?? state.durationMs,
      }
    case 'ChunksAnnounced':
      return { chunks: announced(state.chunks, chunksIn(event)) }
    case 'ChunksStored':
      return { chunks: stored(state.chunks, event.data.chunks) }
    case 'ChunkRefused':
      return { chunks: refused(state.chunks, event.data) }
    case 'RecordingFinished':
      return { finish: finishIn(event) }
    case 'RecordingStitched':
      return { end: stitchedIn(event.data) }
    case 'RecordingIncomplete':
      return { end: { kind: 'incomplete', missing: event.data.missing } }
    case 'RecordingFailed':
      return { end: { kind: 'failed', reason: event.data.reason } }
    case 'RecordingAssigned':
      return { endUserId: event.data.end_user_id, quarantineReason: null, isAssigned: true }
    case 'RecordingDeleted':
      return { deletedAt: event.at }
  }
}

export const evolve = (state: Recording, event: Timed<RecordingEvent>): Recording => {
  if (state.kind === 'unknown') return event.type === 'RecordingStarted' ? started(event) : state
  return { ...state, ...changed(state, event), updatedAt: event.at }
}

export const recording: Aggregate<Recording, RecordingEvent> = { initial, evolve }

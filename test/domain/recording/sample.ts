import type { RecordingEvent } from '../../../protocol/events/lifecycle.ts'
import { derivedId, type MediaId, type ProjectId, type RecordingId } from '../../../protocol/ids.ts'
import type { Instant } from '../../../protocol/instant.ts'
import type { AnnouncedChunk, Start } from '../../../src/domain/recording/device-decisions.ts'
import type { Owner } from '../../../src/domain/recording/owner.ts'
import { bindingNamed, deviceNamed, endUserNamed } from '../sample.ts'
import { second } from '../table.ts'

const named = (name: string): Uint8Array => Buffer.from(name)
export const projectNamed = (name: string): ProjectId => derivedId('proj_', named(name))
export const recordingNamed = (name: string): RecordingId => derivedId('rec_', named(name))
export const mediaNamed = (name: string): MediaId => derivedId('med_', named(name))

export const pin = deviceNamed('pin')
export const ofAnn: Owner = {
  endUserId: endUserNamed('ann'),
  bindingId: bindingNamed('ann'),
  skewMs: 250,
  quarantineReason: null,
}
export const ofNobody: Owner = {
  endUserId: null,
  bindingId: null,
  skewMs: null,
  quarantineReason: 'clock_unknown',
}

export const startArgs = (change: Partial<Start> = {}): Start => ({
  recordingId: recordingNamed('one'),
  source: 'mqtt',
  deviceId: pin,
  ownerOf: () => ofAnn,
  codec: 'opus',
  sampleRate: 16_000,
  startedAt: second(0),
  boot: 7,
  ...change,
})

export const started = (change: Partial<Start> = {}): RecordingEvent => {
  const args = startArgs(change)
  const owner = args.ownerOf({ from: args.startedAt, to: args.startedAt })
  return {
    type: 'RecordingStarted',
    data: {
      recording_id: args.recordingId,
      source: args.source,
      device_id: args.deviceId,
      ...ownerData(owner),
      codec: args.codec,
      sample_rate: args.sampleRate,
      started_at: args.startedAt,
      boot: args.boot,
    },
  }
}

const ownerData = (owner: Owner) => ({
  end_user_id: owner.endUserId,
  binding_id: owner.bindingId,
  skew_ms: owner.skewMs,
  ...(owner.quarantineReason !== null && { quarantine_reason: owner.quarantineReason }),
})

export const ownerDecided = (owner: Owner): RecordingEvent => ({
  type: 'RecordingOwnerDecided',
  data: ownerData(owner),
})

/** `content` sets one chunk of an index apart from another. */
export const sha256Of = (index: number, content = 'a'): string =>
  `${content}${index.toString(16)}`.padEnd(64, '0')

export const chunk = (index: number, content = 'a'): AnnouncedChunk => ({
  index,
  bytes: 1_000 + index,
  sha256: sha256Of(index, content),
  startedAt: null,
  durationMs: null,
})

export const announced = (...chunks: readonly AnnouncedChunk[]): RecordingEvent => ({
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

export const found = (index: number, content = 'a') => ({
  index,
  sha256: sha256Of(index, content),
  object: `key of ${index}`,
})

export const stored = (...indices: readonly number[]): RecordingEvent => ({
  type: 'ChunksStored',
  data: { chunks: indices.map((index) => found(index)) },
})

export const refused = (
  index: number,
  reason: 'length_mismatch' | 'checksum_mismatch' | 'lost',
): RecordingEvent => ({ type: 'ChunkRefused', data: { index, sha256: sha256Of(index), reason } })

export const finishArgs = (totalChunks: number, endedAt: Instant = second(60)) => ({
  totalChunks,
  totalBytes: 1_000 * totalChunks,
  durationMs: 60_000,
  endedAt,
  reason: null,
})

export const finished = (totalChunks: number, endedAt: Instant = second(60)): RecordingEvent => {
  const args = finishArgs(totalChunks, endedAt)
  return {
    type: 'RecordingFinished',
    data: {
      total_chunks: args.totalChunks,
      total_bytes: args.totalBytes,
      duration_ms: args.durationMs,
      ended_at: args.endedAt,
      reason: args.reason,
    },
  }
}

export const stitchedObject = {
  object: 'key of all',
  bytes: 2_003,
  sha256: 'c'.repeat(64),
  merkleRoot: 'd'.repeat(64),
}
export const stitched: RecordingEvent = {
  type: 'RecordingStitched',
  data: {
    object: stitchedObject.object,
    bytes: stitchedObject.bytes,
    sha256: stitchedObject.sha256,
    merkle_root: stitchedObject.merkleRoot,
  },
}
export const failed: RecordingEvent = { type: 'RecordingFailed', data: { reason: 'not_ogg' } }
export const incomplete = (...missing: [number, number][]): RecordingEvent => ({
  type: 'RecordingIncomplete',
  data: { missing },
})
export const deleted: RecordingEvent = { type: 'RecordingDeleted', data: {} }
export const assigned = (name: string): RecordingEvent => ({
  type: 'RecordingAssigned',
  data: { end_user_id: endUserNamed(name) },
})
export const mediaAnnounced = (name: string): RecordingEvent => ({
  type: 'MediaAnnounced',
  data: { media_id: mediaNamed(name), type: 'audio', content_type: 'audio/mpeg', bytes: 5 },
})
export const foundMedia = (name: string, bytes = 5) => ({
  mediaId: mediaNamed(name),
  object: `key of ${name}`,
  bytes,
  sha256: 'e'.repeat(64),
})
export const mediaStored = (name: string): RecordingEvent => {
  const { mediaId, ...object } = foundMedia(name)
  return { type: 'MediaStored', data: { media_id: mediaId, ...object } }
}

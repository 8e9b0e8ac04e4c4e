import { z } from 'zod'
import { reasonCharsMax } from '../limits.ts'
import { codecs, mediaKinds } from '../media.ts'
import { bootSchema } from '../payloads.ts'
import {
  bindingId,
  count,
  deviceId,
  endUserId,
  hash,
  instant,
  mediaId,
  recordingId,
  sealed,
} from './shapes.ts'

const index = z.int().min(1)
const skewMs = z.int().nullable()
const range = z.tuple([index, index])
const code = z.string().regex(new RegExp(`^[a-z0-9_]{1,${reasonCharsMax}}$`))
/** A key in the object store. */
const object = z.string().min(1)

/** Why nobody can be said to own a recording. */
export const quarantineReasons = [
  /** No message of that boot said what its clock showed. */
  'clock_unknown',
  /** Recorded after it was received. */
  'time_in_future',
  /** Bound to nobody, the whole time. */
  'not_owned',
  /** A binding began or ended while it was recorded. */
  'binding_edge',
  /** Somebody else owned the device within 120 s of it. */
  'other_owner_near',
] as const
export type QuarantineReason = (typeof quarantineReasons)[number]

const owner = {
  end_user_id: endUserId.nullable(),
  binding_id: bindingId.nullable(),
  skew_ms: skewMs,
  quarantine_reason: z.enum(quarantineReasons).optional(),
}

/** Sealed under the key of the end user `sealed_for`; without that, under the recording's own. */
const written = { sealed: sealed.optional(), sealed_for: endUserId.optional() }

/** `<proj>.recording-<id>`. Times are the device's, uncorrected; `skew_ms` is what was added to judge them. */
export const recordingEvents = {
  RecordingStarted: z.strictObject({
    recording_id: recordingId,
    source: z.enum(['mqtt', 'http']),
    device_id: deviceId.nullable(),
    ...owner,
    codec: z.enum(codecs).nullable(),
    sample_rate: z.int().min(1).nullable(),
    channels: z.int().min(1).optional(),
    started_at: instant,
    /** Of one that was over before it was told. */
    ended_at: instant.optional(),
    boot: bootSchema.nullable(),
    ...written,
  }),
  RecordingOwnerDecided: z.strictObject(owner),
  RecordingUpdated: z.strictObject({ ...written, sealed }),
  MediaAnnounced: z.strictObject({
    media_id: mediaId,
    type: z.enum(mediaKinds),
    content_type: z.string().min(1),
    bytes: count.optional(),
    sha256: hash.optional(),
    captured_at: instant.optional(),
  }),
  MediaStored: z.strictObject({
    media_id: mediaId,
    object,
    bytes: count,
    sha256: hash,
    /** As whoever put it says. */
    duration_ms: count.optional(),
  }),
  RecordingFailed: z.strictObject({ reason: code }),
  ChunksAnnounced: z.strictObject({
    chunks: z
      .array(
        z.strictObject({
          index,
          bytes: count,
          sha256: hash,
          started_at: instant.nullable(),
          duration_ms: count.nullable(),
        }),
      )
      .min(1),
  }),
  ChunksStored: z.strictObject({
    chunks: z.array(z.strictObject({ index, sha256: hash, object })).min(1),
  }),
  /** `lost`: it was counted as stored and its object is gone. */
  ChunkRefused: z.strictObject({
    index,
    sha256: hash,
    reason: z.enum(['length_mismatch', 'checksum_mismatch', 'lost']),
  }),
  RecordingFinished: z.strictObject({
    total_chunks: count,
    total_bytes: count,
    duration_ms: count,
    ended_at: instant,
    reason: z.string().max(reasonCharsMax).nullable(),
  }),
  RecordingStitched: z.strictObject({ object, bytes: count, sha256: hash, merkle_root: hash }),
  RecordingIncomplete: z.strictObject({ missing: z.array(range).min(1) }),
  RecordingAssigned: z.strictObject({ end_user_id: endUserId }),
  RecordingDeleted: z.strictObject({}),
} as const

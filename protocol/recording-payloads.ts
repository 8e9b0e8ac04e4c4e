import { z } from 'zod'
import { hash } from './events/shapes.ts'
import { idForms } from './ids.ts'
import { type Instant, instantForm, instantOf } from './instant.ts'
import {
  channelsMax,
  chunkBytesMax,
  chunkIndexMax,
  chunksPerMessageMax,
  reasonCharsMax,
  sampleRateHzMax,
} from './limits.ts'
import { codecs } from './media.ts'
import { uplinkSchema } from './payloads.ts'
import { text, whole } from './text.ts'

/** The last millisecond that an instant can be written of. */
const lastMs = Date.UTC(9999, 11, 31, 23, 59, 59, 999)

/** A time of the device's clock: RFC 3339, or milliseconds since 1970. */
export const deviceTimeSchema = z.union(
  [
    z.iso
      .datetime({ offset: true })
      .refine((at) => Date.parse(at) >= 0 && Date.parse(at) <= lastMs, 'is no time since 1970'),
    whole(0, lastMs),
  ],
  { error: 'must be an RFC 3339 time or milliseconds since 1970' },
)
export type DeviceTime = z.infer<typeof deviceTimeSchema>

/** The same time as it is stored. */
export const deviceInstant = (at: DeviceTime): Instant =>
  instantOf(typeof at === 'string' ? Date.parse(at) : at)

/** MQTT contract, "Payloads", start. */
export const startPayloadSchema = z.object({
  codec: z.enum(codecs),
  sample_rate: whole(1, sampleRateHzMax),
  channels: whole(1, channelsMax).optional(),
  started_at: deviceTimeSchema,
  planned_chunk_bytes: whole(1, chunkBytesMax).optional(),
  clock_synced: z.boolean().optional(),
})
export type StartPayload = z.infer<typeof startPayloadSchema>

export const chunkSchema = z.object({
  index: whole(1, chunkIndexMax),
  bytes: whole(1, chunkBytesMax),
  sha256: hash,
  started_at: deviceTimeSchema.optional(),
  duration_ms: whole(0).optional(),
})

/** The same, chunks. */
export const chunksPayloadSchema = z.object({
  chunks: z.array(chunkSchema).min(1).max(chunksPerMessageMax),
})
export type ChunksPayload = z.infer<typeof chunksPayloadSchema>

/** The same, finish. */
export const finishPayloadSchema = z.object({
  total_chunks: whole(0, chunkIndexMax),
  total_bytes: whole(0),
  duration_ms: whole(0),
  ended_at: deviceTimeSchema,
  reason: text(reasonCharsMax).optional(),
})
export type FinishPayload = z.infer<typeof finishPayloadSchema>

export const startMessage = startPayloadSchema.extend(uplinkSchema.shape)
export const chunksMessage = chunksPayloadSchema.extend(uplinkSchema.shape)
export const finishMessage = finishPayloadSchema.extend(uplinkSchema.shape)

const recordingId = z.string().regex(idForms.rec_)
const instantText = z.string().regex(instantForm)

/** A pre-signed upload of one chunk, good once and until `expires_at`. Length and checksum are part of the signature. */
export const grantSchema = z.object({
  index: whole(1, chunkIndexMax),
  method: z.literal('PUT'),
  url: z.url(),
  /** To be sent as they are. */
  headers: z.record(z.string(), z.string()),
  expires_at: instantText,
})
export type Grant = z.infer<typeof grantSchema>

/** The same, down/…/grants. */
export const downGrantsSchema = z.object({
  recording_id: recordingId,
  grants: z.array(grantSchema),
})
export type DownGrants = z.infer<typeof downGrantsSchema>

export const recordingStatuses = [
  'pending',
  'recording',
  'stitching',
  'uploaded',
  'incomplete',
  'failed',
  'quarantined',
] as const
export type RecordingStatus = (typeof recordingStatuses)[number]

/** The same, down/…/watermark: what is stored. The device may free its flash below `stored_up_to`, inclusive, and nothing else. */
export const downWatermarkSchema = z.object({
  recording_id: recordingId,
  stored_up_to: whole(0, chunkIndexMax),
  /** The gaps, from and to inclusive, the lowest first. */
  missing: z.array(z.tuple([whole(1, chunkIndexMax), whole(1, chunkIndexMax)])),
  complete: z.boolean(),
  status: z.enum([...recordingStatuses, 'deleted']),
})
export type DownWatermark = z.infer<typeof downWatermarkSchema>

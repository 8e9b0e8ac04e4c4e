import { z } from 'zod'
import { quarantineReasons } from './events/recording.ts'
import {
  count,
  deviceId,
  endUserId,
  hash,
  instant,
  mediaId,
  projectId,
  recordingId,
} from './events/shapes.ts'
import { codecs, mediaKinds } from './media.ts'
import { metadataSchema } from './metadata.ts'
import { grantSchema, recordingStatuses } from './recording-payloads.ts'
import { listReply } from './replies.ts'

/** Replies of recordings and their uploads: HTTP contract, 1.6, 2.5 and 2.6. */

const index = z.int().min(1)

const mediaReply = z
  .object({
    id: mediaId,
    type: z.enum(mediaKinds),
    mime_type: z.string(),
    file_size_bytes: count.nullable(),
    content_sha256: hash.nullable(),
    status: z.enum(['pending', 'uploaded']),
    captured_at: instant.nullable(),
    created_at: instant,
  })
  .meta({ id: 'Media' })

const chunksReply = z
  .object({
    /** Of those that were announced. */
    stored: count,
    announced: count,
    /** `null` until it is finished. */
    total: count.nullable(),
    /** The gaps, from and to inclusive, the lowest first. */
    missing: z.array(z.tuple([index, index])),
  })
  .meta({ id: 'RecordingChunks' })

export const recordingReply = z
  .object({
    id: recordingId,
    project_id: projectId,
    device_id: deviceId.nullable(),
    end_user_id: endUserId.nullable(),
    source: z.enum(['mqtt', 'http']),
    name: z.string().nullable(),
    status: z.enum(recordingStatuses),
    /** Why nobody can be said to own it; `null` for all that are not `quarantined`. */
    quarantine_reason: z.enum(quarantineReasons).nullable(),
    /** Why it is `failed`. */
    failure_reason: z.string().nullable(),
    codec: z.enum(codecs).nullable(),
    sample_rate: z.int().min(1).nullable(),
    duration_ms: count.nullable(),
    started_at: instant,
    ended_at: instant.nullable(),
    transcription_id: z.null(),
    chunks: chunksReply,
    /** Files, and the one object that its chunks became. */
    media: z.array(mediaReply),
    metadata: metadataSchema,
    created_at: instant,
    updated_at: instant,
  })
  .meta({ id: 'Recording' })
export type RecordingReply = z.infer<typeof recordingReply>

export const recordingListReply = listReply(recordingReply)

/** For a streaming recording: where its chunks are put, `{index}` from 1, until `upload_expires_at`. */
const chunkUpload = {
  chunk_upload_url_template: z.string().optional(),
  upload_token: z.string().optional(),
  upload_expires_at: instant.optional(),
  /** The repeat of a request that gave a token. */
  secret_available: z.literal(false).optional(),
}

export const createdRecordingReply = recordingReply
  .extend(chunkUpload)
  .meta({ id: 'CreatedRecording' })

/** POST …/upload-url. Of a file: with `media_id`. Of a streaming recording: a template, or with a chunk the grant of that chunk. */
export const uploadUrlReply = z
  .object({
    recording_id: recordingId,
    media_id: mediaId.nullable(),
    /** `null` for a chunk that is stored already. */
    upload_url: z.string().nullable(),
    method: grantSchema.shape.method,
    /** To be sent as they are. */
    headers: grantSchema.shape.headers,
    expires_at: instant,
    /** Bears 15 minutes: for `PUT /v1/uploads/{token}`, for this route and for upload-complete. */
    upload_token: z.string(),
    upload_token_expires_at: instant,
  })
  .meta({ id: 'UploadUrl' })
export type UploadUrlReply = z.infer<typeof uploadUrlReply>

export const finalizeReply = z
  .object({
    id: recordingId,
    status: z.enum(recordingStatuses),
    transcription_status: z.null(),
    chunks_received: count,
    stitching_job_id: z.string(),
  })
  .meta({ id: 'Finalized' })

export const downloadUrlReply = z
  .object({
    download_url: z.string(),
    media_id: mediaId,
    content_type: z.string(),
    file_size_bytes: count,
    expires_at: instant,
  })
  .meta({ id: 'DownloadUrl' })

/** PUT /uploads/{up_…} */
export const relayReply = z
  .object({
    recording_id: recordingId,
    media_id: mediaId.nullable(),
    chunk: index.nullable(),
    file_size_bytes: count,
    content_sha256: hash,
  })
  .meta({ id: 'Relayed' })

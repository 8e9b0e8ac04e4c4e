import { z } from 'zod'
import { hash } from './events/shapes.ts'
import {
  chunkBytesMax,
  chunkIndexMax,
  mediaBytesMax,
  mediaSecondsMax,
  nameCharsMax,
  sampleRateHzMax,
} from './limits.ts'
import { codecs, contentTypes, isContentType, mediaKinds } from './media.ts'
import { metadataSchema } from './metadata.ts'
import { deviceTimeSchema, recordingStatuses } from './recording-payloads.ts'
import { listQuery, sought } from './requests.ts'
import { line, whole } from './text.ts'

/** Bodies and queries of recordings and their uploads: HTTP contract, 2.5 and 2.6. */

/** POST /recordings. Ids are taken of an API key's body alone: a device's token says them itself (decision 8). */
export const createRecordingBody = z.object({
  end_user_id: z.string().optional(),
  device_id: z.string().optional(),
  name: line(nameCharsMax).optional(),
  started_at: deviceTimeSchema.optional(),
  ended_at: deviceTimeSchema.optional(),
  metadata: metadataSchema.optional(),
  /** In chunks, while it is still being recorded. */
  streaming: z.boolean().default(false),
  codec: z.enum(codecs).optional(),
  sample_rate: whole(1, sampleRateHzMax).optional(),
})
export type CreateRecordingBody = z.infer<typeof createRecordingBody>

/** PATCH /recordings/{id}: what is sent replaces what was, `null` takes it away. */
export const updateRecordingBody = z.object({
  name: line(nameCharsMax).nullable().optional(),
  metadata: metadataSchema.optional(),
})
export type UpdateRecordingBody = z.infer<typeof updateRecordingBody>

/** GET /recordings */
export const listRecordingsQuery = listQuery.extend({
  device_id: sought.optional(),
  end_user_id: sought.optional(),
  status: z.enum(recordingStatuses).optional(),
})
export type ListRecordingsQuery = z.infer<typeof listRecordingsQuery>

const contentType = z
  .string()
  .refine(isContentType, `must be one of ${Object.keys(contentTypes).join(', ')}`)

/** POST /recordings/{id}/upload-url: a file of its own, or with `chunk` a chunk of a streaming recording. */
export const uploadUrlBody = z
  .object({
    type: z.enum(mediaKinds).default('audio'),
    content_type: contentType.default('audio/opus'),
    file_size_bytes: whole(1, mediaBytesMax).optional(),
    content_sha256: hash.optional(),
    captured_at: deviceTimeSchema.optional(),
    chunk: z
      .object({
        index: whole(1, chunkIndexMax),
        file_size_bytes: whole(1, chunkBytesMax),
        content_sha256: hash,
      })
      .optional(),
  })
  .refine(
    ({ type, content_type, chunk }) =>
      chunk !== undefined ||
      (isContentType(content_type) && contentTypes[content_type].kind === type),
    { path: ['content_type'], error: 'is of another type than `type`' },
  )
export type UploadUrlBody = z.infer<typeof uploadUrlBody>

/** POST /recordings/{id}/upload-complete: what the caller knows of the one file that was uploaded. */
export const uploadCompleteBody = z.object({
  content_sha256: hash.optional(),
  file_size_bytes: whole(0, mediaBytesMax).optional(),
  duration_seconds: z.number().min(0).max(mediaSecondsMax).optional(),
})
export type UploadCompleteBody = z.infer<typeof uploadCompleteBody>

/** POST /recordings/{id}/finalize */
export const finalizeBody = z.object({
  total_chunks: whole(1, chunkIndexMax),
  final_duration_ms: whole(0),
  /** Taken and not compared: every chunk has its SHA-256. */
  checksum_md5: z
    .string()
    .regex(/^[0-9a-fA-F]{32}$/, 'must be 32 hex digits')
    .optional(),
})
export type FinalizeBody = z.infer<typeof finalizeBody>

/** POST /recordings/{id}/download-url; GET has the same as its query. */
export const downloadUrlQuery = z.object({ media_id: z.string().optional() })

/** POST /recordings/{id}/assign. An id of another form names nobody: 404. */
export const assignBody = z.object({ end_user_id: z.string() })
export type AssignBody = z.infer<typeof assignBody>

/** PUT /uploads/{up_…}: which chunk the body is; missing for a file. */
export const relayQuery = z.object({
  chunk: z
    .string()
    .regex(/^\d{1,6}$/, 'must be a whole number')
    .transform(Number)
    .pipe(z.int().min(1).max(chunkIndexMax))
    .optional(),
})

/** POST /internal/s3-events: what S3 and those like it send; only the keys are read, and only as a hint. */
export const s3EventsBody = z.object({
  Records: z
    .array(z.object({ s3: z.object({ object: z.object({ key: z.string() }) }) }))
    .default([]),
})

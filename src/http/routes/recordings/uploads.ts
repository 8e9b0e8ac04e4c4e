import { sizeOf } from '../../../../protocol/ranges.ts'
import {
  finalizeReply,
  recordingReply,
  relayReply,
  uploadUrlReply,
} from '../../../../protocol/recording-replies.ts'
import {
  finalizeBody,
  relayQuery,
  uploadCompleteBody,
  uploadUrlBody,
} from '../../../../protocol/recording-requests.ts'
import type { Media } from '../../../domain/recording/state.ts'
import { statusOf } from '../../../domain/recording/status.ts'
import type { Handler, ProjectCall, UploadCall, UploadPrincipal } from '../../call.ts'
import { readCommand } from '../../commands.ts'
import { recordingPath, uploadPath } from '../../openapi/params.ts'
import * as examples from '../../openapi/recording-examples.ts'
import type { Operation } from '../../operation.ts'
import type { HttpDeps } from '../../ports.ts'
import { invalidValue } from '../../problems.ts'
import { queryOf } from '../../query.ts'
import { refusal } from '../../refusals.ts'
import { settle } from '../../settle.ts'
import { completeUpload, finalizeRecording } from '../../use-cases/complete-upload.ts'
import { type Present, readPresent } from '../../use-cases/recordings.ts'
import { relayChunks, relayFile } from '../../use-cases/relay-upload.ts'
import { giveUploadUrl } from '../../use-cases/upload-url.ts'
import { presentIn, showPresent } from './addressed.ts'

export const uploadUrlOperation: Operation = {
  id: 'createUploadUrl',
  tag: 'Recordings',
  summary: 'Ask where to put bytes',
  description:
    'A file of its own: a URL for an hour. A streaming recording: a template for all of its chunks, or with `chunk` a URL for that one, for 15 minutes.',
  params: recordingPath,
  body: {
    schema: uploadUrlBody,
    example: { type: 'audio', content_type: 'audio/opus', file_size_bytes: 1_048_576 },
    required: false,
  },
  replies: {
    200: {
      says: 'Where to put it, and what must be sent with it.',
      body: uploadUrlReply,
      example: examples.uploadUrl,
      headers: ['Position'],
    },
  },
  refusals: ['invalid_state'],
}

/** POST /v1/recordings/{id}/upload-url */
export const uploadUrl = (deps: HttpDeps): Handler<ProjectCall> => {
  const give = giveUploadUrl(deps)
  return async (call) => {
    // A URL request ignores the `Idempotency-Key` (decision 18).
    const { by, body } = await readCommand(deps.secrets, call, uploadUrlBody)
    const { idem: _, ...caused } = by
    const { reply, position } = await give(await presentIn(deps, call), caused, body)
    return { status: 200, body: reply, position, secret: true }
  }
}

export const uploadCompleteOperation: Operation = {
  id: 'completeUpload',
  tag: 'Recordings',
  summary: 'Say that the files are uploaded',
  description: 'They are looked at before they are believed in.',
  params: recordingPath,
  body: {
    schema: uploadCompleteBody,
    example: { file_size_bytes: 1_048_576 },
    required: false,
  },
  headers: ['Idempotency-Key'],
  replies: {
    200: {
      says: 'The recording, `uploaded`.',
      body: recordingReply,
      example: examples.recording,
      headers: ['ETag', 'Position', 'Idempotent-Replayed'],
    },
  },
  refusals: ['invalid_state'],
}

/** POST /v1/recordings/{id}/upload-complete */
export const uploadComplete = (deps: HttpDeps): Handler<ProjectCall> => {
  const complete = completeUpload(deps)
  return async (call) => {
    const command = await readCommand(deps.secrets, call, uploadCompleteBody)
    const present = await complete(await presentIn(deps, call), command)
    const shown = await showPresent(deps, call, present)
    return { status: 200, ...shown, replayed: present.isReplayed }
  }
}

export const finalizeOperation: Operation = {
  id: 'finalizeRecording',
  tag: 'Recordings',
  summary: 'Say that all chunks of a streaming recording are there',
  params: recordingPath,
  body: {
    schema: finalizeBody,
    example: { total_chunks: 4, final_duration_ms: 262_144 },
    required: true,
  },
  headers: ['Idempotency-Key'],
  replies: {
    200: {
      says: 'What becomes of it.',
      body: finalizeReply,
      example: examples.finalized,
      headers: ['Position', 'Idempotent-Replayed'],
    },
  },
  refusals: ['invalid_state', 'chunk_count_mismatch'],
}

/** POST /v1/recordings/{id}/finalize */
export const finalize = (deps: HttpDeps): Handler<ProjectCall> => {
  const finish = finalizeRecording(deps)
  return async (call) => {
    const command = await readCommand(deps.secrets, call, finalizeBody)
    const { state, position, isReplayed } = await finish(await presentIn(deps, call), command)
    deps.recordings.hint({ project: call.project, recording: state.recordingId })
    await settle(deps, position)
    const body = {
      id: state.recordingId,
      status: statusOf(state),
      transcription_status: null,
      chunks_received: sizeOf(state.chunks.stored),
      stitching_job_id: state.recordingId.replace('rec_', 'job_stitcher_'),
    }
    return { status: 200, body, position, replayed: isReplayed }
  }
}

export const relayOperation: Operation = {
  id: 'relayUpload',
  tag: 'Recordings',
  summary: 'Upload through Lapel',
  description:
    'For who cannot reach the object store. The bytes of the file that the token was given for, or with `chunk` those of a chunk of its recording.',
  params: uploadPath,
  query: relayQuery,
  takesBytes: true,
  replies: {
    200: { says: 'What was put.', body: relayReply, example: examples.relayed },
  },
  refusals: ['invalid_state', 'payload_too_large', 'precondition_failed', 'not_found'],
}

/** The file that the token was given for; `undefined`: it is for chunks. Throws 404. */
const fileOf = ({ state }: Present, { mediaId }: UploadPrincipal): Media | undefined => {
  const media = state.media.find((one) => one.mediaId === mediaId)
  if (mediaId !== undefined && !media) throw refusal('unknown-recording')
  return media
}

/** PUT /v1/uploads/{up_…} */
export const relay = (deps: HttpDeps): Handler<UploadCall> => {
  const relayChunk = relayChunks(deps)
  return async (call) => {
    const { upload } = call
    const { chunk } = queryOf(call, relayQuery)
    const { project, recordingId } = upload
    const present = await readPresent(deps, { project, caller: upload }, recordingId)
    const media = fileOf(present, upload)
    const shown = { recording_id: recordingId, media_id: media?.mediaId ?? null }
    if (media) {
      const { bytes, sha256 } = await relayFile(deps, call, { ...present, project }, media)
      const body = { ...shown, chunk: null, file_size_bytes: bytes, content_sha256: sha256 }
      return { status: 200, body }
    }
    if (chunk === undefined) throw invalidValue('chunk', 'is required')
    const { bytes, sha256 } = await relayChunk(call, { upload, present, index: chunk })
    deps.recordings.hint({ project, recording: recordingId })
    return {
      status: 200,
      body: { ...shown, chunk, file_size_bytes: bytes, content_sha256: sha256 },
    }
  }
}

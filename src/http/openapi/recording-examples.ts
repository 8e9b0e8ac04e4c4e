// What the descriptions of the routes of recordings show. A test holds each of them against its schema.

const at = '2026-11-22T10:00:00.123Z'
const later = '2026-11-22T10:15:00.000Z'
const sha256 = '9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08'
const token = 'up_eyJleHAiOjE3OTU2MDE3MDB9.3b7Xk0m8R4J2sV1aYtQ6wZ9cLpNdFhGjKqTuEiOoBxM'

const media = {
  id: 'med_0LapelVectorMedia00001',
  type: 'audio',
  mime_type: 'audio/ogg',
  file_size_bytes: 1_048_576,
  content_sha256: sha256,
  status: 'uploaded',
  captured_at: null,
  created_at: later,
}

export const recording = {
  id: 'rec_0LapelVectorRecording1',
  project_id: 'proj_0LapelVectorsTest00001',
  device_id: 'dev_0LapelVectorDevice0001',
  end_user_id: 'eu_0LapelVectorEndUser001',
  source: 'mqtt',
  name: 'Stand-up',
  status: 'uploaded',
  quarantine_reason: null,
  failure_reason: null,
  codec: 'opus',
  sample_rate: 16_000,
  duration_ms: 262_144,
  started_at: at,
  ended_at: '2026-11-22T10:04:22.267Z',
  transcription_id: null,
  chunks: { stored: 4, announced: 4, total: 4, missing: [] },
  media: [media],
  metadata: { room: 'B12' },
  created_at: at,
  updated_at: later,
}

export const createdRecording = {
  ...recording,
  source: 'http',
  status: 'pending',
  duration_ms: null,
  ended_at: null,
  chunks: { stored: 0, announced: 0, total: null, missing: [] },
  media: [],
  chunk_upload_url_template: `//api.example.com/v1/uploads/${token}?chunk={index}`,
  upload_token: token,
  upload_expires_at: later,
}

export const assignedRecording = { ...recording, quarantine_reason: null }

export const uploadUrl = {
  recording_id: recording.id,
  media_id: media.id,
  upload_url:
    '//s3.example.com/lapel/proj_0LapelVectorsTest00001/rec_0LapelVectorRecording1/med_0LapelVectorMedia00001/audio.opus?X-Amz-Signature=…',
  method: 'PUT',
  headers: { 'content-type': 'audio/opus', 'if-none-match': '*' },
  expires_at: '2026-11-22T11:00:00.000Z',
  upload_token: token,
  upload_token_expires_at: later,
}

export const finalized = {
  id: recording.id,
  status: 'stitching',
  transcription_status: null,
  chunks_received: 4,
  stitching_job_id: 'job_stitcher_0LapelVectorRecording1',
}

export const downloadUrl = {
  download_url:
    '//s3.example.com/lapel/proj_0LapelVectorsTest00001/rec_0LapelVectorRecording1/recording.ogg?X-Amz-Signature=…',
  media_id: media.id,
  content_type: 'audio/ogg',
  file_size_bytes: 1_048_576,
  expires_at: '2026-11-22T11:00:00.000Z',
}

export const relayed = {
  recording_id: recording.id,
  media_id: null,
  chunk: 1,
  file_size_bytes: 262_144,
  content_sha256: sha256,
}

export const certificate = {
  certificate: {
    v: 1,
    project: recording.project_id,
    recording_id: recording.id,
    device_id: recording.device_id,
    codec: 'opus',
    started_at: at,
    ended_at: recording.ended_at,
    duration_ms: recording.duration_ms,
    owner: {
      end_user_id: recording.end_user_id,
      binding_id: 'bind_0LapelVectorBinding01',
      since: '2026-11-20T08:00:00.000Z',
      until: null,
    },
    chunks: [{ index: 1, bytes: 1_048_576, sha256 }],
    merkle_root: sha256,
    object: { bytes: 1_048_576, sha256 },
    events: [
      {
        type: 'RecordingStitched',
        stream: `${recording.project_id}.recording-${recording.id}`,
        revision: 4,
        position: '48211',
        at: later,
        leaf: sha256,
      },
    ],
    issued_at: later,
  },
  kid: '0a1b2c3d4e5f6071',
  public_key: '11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=',
  sig: 'A'.repeat(86),
}

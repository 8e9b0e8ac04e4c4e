import type { Message } from './async-api-message.ts'
import {
  chunksMessage,
  downGrantsSchema,
  downWatermarkSchema,
  finishMessage,
  startMessage,
} from './recording-payloads.ts'

const recording_id = 'rec_1aEcRZmqB5lenKQF1YRLdu'
const sha256 = '9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08'

/** Recordings: the upload in chunks. */
export const recordingMessages: readonly Message[] = [
  {
    name: 'recordingStart',
    path: 'recordings/{recording}/start',
    action: 'receive',
    qos: 1,
    summary: 'A recording begins.',
    schema: startMessage,
    example: {
      codec: 'opus',
      sample_rate: 16_000,
      started_at: 1_785_680_000_000,
      boot: 7,
      at: 1_785_680_000_250,
    },
  },
  {
    name: 'recordingChunks',
    path: 'recordings/{recording}/chunks',
    action: 'receive',
    qos: 1,
    summary:
      'Chunks that are there to be uploaded. Answered with a grant for each that is missing.',
    schema: chunksMessage,
    example: {
      chunks: [{ index: 1, bytes: 262_144, sha256, duration_ms: 60_000 }],
      boot: 7,
      at: 1_785_680_061_000,
    },
  },
  {
    name: 'recordingFinish',
    path: 'recordings/{recording}/finish',
    action: 'receive',
    qos: 1,
    summary: 'A recording has ended: no new index from here.',
    schema: finishMessage,
    example: {
      total_chunks: 5,
      total_bytes: 1_210_000,
      duration_ms: 290_000,
      ended_at: 1_785_680_290_000,
      reason: 'button',
      boot: 7,
    },
  },
  {
    name: 'recordingGrants',
    path: 'down/recordings/{recording}/grants',
    action: 'send',
    qos: 1,
    summary: 'Uploads of chunks: each good once, for that body, for 15 minutes.',
    schema: downGrantsSchema,
    example: {
      recording_id,
      grants: [
        {
          index: 1,
          method: 'PUT',
          url: `http://127.0.0.1:9000/lapel/proj_0LapelVectorsTest00001/${recording_id}/1/${sha256}-0`,
          headers: { 'content-type': 'application/octet-stream', 'if-none-match': '*' },
          expires_at: '2026-08-02T14:28:20.000Z',
        },
      ],
    },
  },
  {
    name: 'recordingWatermark',
    path: 'down/recordings/{recording}/watermark',
    action: 'send',
    qos: 1,
    summary:
      'What is stored: the device may free its flash up to `stored_up_to`, and nothing else.',
    schema: downWatermarkSchema,
    example: {
      recording_id,
      stored_up_to: 3,
      missing: [[4, 5]],
      complete: false,
      status: 'recording',
    },
  },
]

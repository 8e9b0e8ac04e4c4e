import { createHash } from 'node:crypto'
import { type Certificate, rootOfChunks } from '../../protocol/certificate.ts'

const sha256 = (text: string) => createHash('sha256').update(text).digest('hex')

/** A certificate of `audio`, cut into chunks of `chunkChars` characters. */
export const sampleCertificate = (audio = 'abcdefgh', chunkChars = 3): Certificate => {
  const parts = audio.match(new RegExp(`.{1,${chunkChars}}`, 'g')) ?? []
  const chunks = parts.map((part, at) => ({
    index: at + 1,
    bytes: part.length,
    sha256: sha256(part),
  }))
  const event = { at: '2026-11-22T10:00:00.000Z', leaf: sha256('leaf') }
  return {
    v: 1,
    project: 'proj_1',
    recording_id: 'rec_1',
    device_id: 'dev_1',
    codec: 'mp3',
    started_at: '2026-11-22T09:00:00.000Z',
    ended_at: '2026-11-22T09:01:00.000Z',
    duration_ms: 60_000,
    owner: {
      end_user_id: 'eu_1',
      binding_id: 'bind_1',
      since: '2026-11-20T00:00:00.000Z',
      until: null,
    },
    chunks,
    merkle_root: rootOfChunks(chunks.map((chunk) => chunk.sha256)),
    object: { bytes: audio.length, sha256: sha256(audio) },
    events: [
      { type: 'DeviceBound', stream: 'proj_1.device-dev_1', revision: 1, position: '7', ...event },
      {
        type: 'RecordingStitched',
        stream: 'proj_1.recording-rec_1',
        revision: 4,
        position: '90',
        ...event,
      },
    ],
    issued_at: '2026-11-22T10:00:00.000Z',
  }
}

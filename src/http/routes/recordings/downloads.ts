import { signedCertificateSchema } from '../../../../protocol/certificate.ts'
import { singleUploadSecondsMax } from '../../../../protocol/limits.ts'
import { downloadUrlReply } from '../../../../protocol/recording-replies.ts'
import { downloadUrlQuery } from '../../../../protocol/recording-requests.ts'
import type { Handler, ProjectCall } from '../../call.ts'
import { checked } from '../../commands.ts'
import { recordingPath } from '../../openapi/params.ts'
import * as examples from '../../openapi/recording-examples.ts'
import type { Operation } from '../../operation.ts'
import type { HttpDeps } from '../../ports.ts'
import { notFound } from '../../problems.ts'
import { queryOf } from '../../query.ts'
import { mediaOfRow, type ShownMedia } from '../../recording-views.ts'
import { refusal } from '../../refusals.ts'
import { certify } from '../../use-cases/certificate.ts'
import { presentIn } from './addressed.ts'
import { rowIn } from './read-recordings.ts'

const summary = 'Ask where a recording can be downloaded'
const description =
  'A URL for an hour, which takes Range. `media_id` names a file; without it the one object of the chunks, else the first file.'
const replies = {
  200: {
    says: 'Where it is.',
    body: downloadUrlReply,
    example: examples.downloadUrl,
    headers: ['Position'],
  },
} as const

export const readDownloadUrlOperation: Operation = {
  id: 'readDownloadUrl',
  tag: 'Recordings',
  summary,
  description,
  params: recordingPath,
  query: downloadUrlQuery,
  headers: ['Min-Position'],
  replies,
  refusals: ['invalid_state'],
}

export const createDownloadUrlOperation: Operation = {
  id: 'createDownloadUrl',
  tag: 'Recordings',
  summary,
  description,
  params: recordingPath,
  body: { schema: downloadUrlQuery, example: {}, required: false },
  headers: ['Min-Position'],
  replies,
  refusals: ['invalid_state'],
}

const wanted = (media: readonly ShownMedia[], id: string | undefined): ShownMedia => {
  if (id !== undefined && !media.some((one) => one.id === id)) throw notFound('media_id')
  const stored = media.filter(({ object }) => object !== null)
  const [found] = id === undefined ? stored.slice(-1) : stored.filter((one) => one.id === id)
  if (!found) throw refusal('not-uploaded')
  return found
}

const giveUrl = async (deps: HttpDeps, call: ProjectCall, mediaId: string | undefined) => {
  const { row, position } = await rowIn(deps, call)
  const media = wanted(mediaOfRow(row), mediaId)
  const key = media.object ?? ''
  const name = `${row.id}${key.slice(key.lastIndexOf('.'))}`
  const { url, expiresAt } = deps.objects.presignGet(key, {
    expiresSeconds: singleUploadSecondsMax,
    contentType: media.contentType,
    disposition: `inline; filename="${name}"`,
  })
  const body = {
    download_url: url,
    media_id: media.id,
    content_type: media.contentType,
    file_size_bytes: media.bytes ?? 0,
    expires_at: expiresAt,
  }
  return { status: 200, body, position, secret: true } as const
}

/** GET /v1/recordings/{id}/download-url */
export const readDownloadUrl =
  (deps: HttpDeps): Handler<ProjectCall> =>
  (call) =>
    giveUrl(deps, call, queryOf(call, downloadUrlQuery).media_id)

/** POST /v1/recordings/{id}/download-url */
export const createDownloadUrl =
  (deps: HttpDeps): Handler<ProjectCall> =>
  async (call) => {
    const body = checked(downloadUrlQuery, (await call.readJson()) ?? {})
    return giveUrl(deps, call, body.media_id)
  }

export const certificateOperation: Operation = {
  id: 'readCertificate',
  tag: 'Recordings',
  summary: 'Read the certificate of completeness',
  description:
    'Its chunks with their hashes, the Merkle root, whose it is, where that stands in the log; signed. `lapel audit verify-recording` checks it without a network.',
  params: recordingPath,
  replies: {
    200: {
      says: 'The certificate.',
      body: signedCertificateSchema.meta({ id: 'RecordingCertificate' }),
      example: examples.certificate,
      headers: ['Position'],
    },
  },
  refusals: ['invalid_state'],
}

/** GET /v1/recordings/{id}/certificate */
export const readCertificate = (deps: HttpDeps): Handler<ProjectCall> => {
  const certificateOf = certify(deps)
  return async (call) => {
    const present = await presentIn(deps, call)
    const body = await certificateOf(call.project, present)
    return { status: 200, body, position: present.position }
  }
}

import { type MediaId, newId, type ProjectId } from '../../../protocol/ids.ts'
import { type Instant, instantOf } from '../../../protocol/instant.ts'
import { grantSecondsMax, singleUploadSecondsMax } from '../../../protocol/limits.ts'
import { contentTypes } from '../../../protocol/media.ts'
import { chunkKey, mediaKey } from '../../../protocol/object-keys.ts'
import { deviceInstant } from '../../../protocol/recording-payloads.ts'
import type { UploadUrlReply } from '../../../protocol/recording-replies.ts'
import type { UploadUrlBody } from '../../../protocol/recording-requests.ts'
import { mintUploadToken } from '../../../protocol/upload-token.ts'
import { chunkAt } from '../../domain/recording/chunks.ts'
import { type AnnouncedChunk, announce } from '../../domain/recording/device-decisions.ts'
import { announceMedia } from '../../domain/recording/object-decisions.ts'
import { type KnownRecording, type Media, recording } from '../../domain/recording/state.ts'
import { uploadTokenKey } from '../../store/keyed.ts'
import type { Provenance } from '../../store/record.ts'
import { recordingStream } from '../../store/streams.ts'
import type { HttpDeps } from '../ports.ts'
import { refusal } from '../refusals.ts'
import { type Present, presentOf } from './recordings.ts'

type Deps = Pick<HttpDeps, 'ledger' | 'objects' | 'secrets' | 'random' | 'now' | 'publicUrl'>
type By = Provenance & { readonly project: ProjectId }
export type Given = Present & { readonly reply: UploadUrlReply }

/** It comes in chunks: its creation said so, or chunks of it are there. */
export const isStreaming = ({ codec, chunks }: KnownRecording): boolean =>
  codec !== null || chunks.announced.length > 0

const expiry = (deps: Deps): number => Math.floor(deps.now() / 1_000) + grantSecondsMax

const tokenOf = (deps: Deps, by: By, { recordingId }: KnownRecording, mediaId?: MediaId) => {
  const exp = expiry(deps)
  const claims = {
    p: by.project,
    r: recordingId,
    by: by.actor,
    exp,
    ...(mediaId !== undefined && { m: mediaId }),
  }
  const upload_token = mintUploadToken(claims, uploadTokenKey(deps.secrets))
  return { upload_token, upload_token_expires_at: instantOf(exp * 1_000) }
}

/** Where chunks are put with an upload token alone; `{index}` from 1. */
export const chunkTemplate = (deps: Deps, by: By, state: KnownRecording) => {
  const { upload_token, upload_token_expires_at } = tokenOf(deps, by, state)
  return {
    chunk_upload_url_template: `${deps.publicUrl()}/v1/uploads/${upload_token}?chunk={index}`,
    upload_token,
    upload_expires_at: upload_token_expires_at,
  }
}

/** Announces a chunk as its device would; throws 409 where it cannot be any more. */
export const announceChunk = async (
  { ledger }: Pick<Deps, 'ledger'>,
  by: Provenance & { readonly project: ProjectId },
  { state }: Present,
  chunk: AnnouncedChunk,
): Promise<Present> => {
  const stream = recordingStream(by.project, state.recordingId)
  // It is there already: nothing is begun.
  const begin = {
    recordingId: state.recordingId,
    source: state.source,
    deviceId: state.deviceId,
    ownerOf: () => ({ endUserId: null, bindingId: null, skewMs: null, quarantineReason: null }),
    codec: null,
    sampleRate: null,
    startedAt: state.startedAt,
    boot: null,
  }
  const done = await ledger.transact(
    stream,
    recording,
    () => announce({ begin, chunks: [chunk] }),
    by,
  )
  const present = presentOf(done)
  if (done.kind !== 'done' || done.outcome.kind !== 'announced') return present
  if (done.outcome.conflicting.length > 0) throw refusal('chunk-conflict')
  if (done.outcome.closed.length > 0) throw refusal('closed')
  return present
}

const newMedia = (
  { random }: Deps,
  { media }: KnownRecording,
  { type, content_type, file_size_bytes, content_sha256, captured_at }: UploadUrlBody,
  now: Instant,
) => {
  const wanted = {
    type,
    contentType: content_type,
    bytes: file_size_bytes,
    sha256: content_sha256,
    capturedAt: captured_at === undefined ? undefined : deviceInstant(captured_at),
  }
  const isSame = (one: Media) =>
    one.type === wanted.type &&
    one.contentType === wanted.contentType &&
    one.bytes === (wanted.bytes ?? null) &&
    one.sha256 === (wanted.sha256 ?? null) &&
    one.capturedAt === (wanted.capturedAt ?? null)
  // Whose URL has expired is asked for again, and stays one file.
  const old = instantOf(Date.parse(now) - singleUploadSecondsMax * 1_000)
  const known = media.find((one) => isSame(one) && one.stored === null && one.announcedAt <= old)
  return { ...wanted, mediaId: known?.mediaId ?? newId('med_', random) }
}

/** Where a file of a recording stands in the object store. */
export const keyOfMedia = (
  project: ProjectId,
  { recordingId }: KnownRecording,
  { mediaId, type, contentType }: Pick<Media, 'mediaId' | 'type' | 'contentType'>,
): string => {
  const extension = contentTypes[contentType as keyof typeof contentTypes]?.extension ?? 'bin'
  return mediaKey(project, recordingId, { mediaId, name: `${type}.${extension}` })
}

const forFile = async (deps: Deps, by: By, present: Present, body: UploadUrlBody) => {
  const { state } = present
  const media = newMedia(deps, state, body, instantOf(deps.now()))
  const stream = recordingStream(by.project, state.recordingId)
  const done = await deps.ledger.transact(stream, recording, () => announceMedia(media), by)
  const announced = presentOf(done)
  const { url, headers, method, expiresAt } = deps.objects.presignPut(
    keyOfMedia(by.project, state, media),
    {
      contentType: media.contentType,
      expiresSeconds: singleUploadSecondsMax,
      ...(media.bytes !== undefined && { bytes: media.bytes }),
      ...(media.sha256 !== undefined && { sha256: media.sha256 }),
    },
  )
  const granted = { upload_url: url, method, headers, expires_at: expiresAt }
  return {
    ...announced,
    reply: {
      recording_id: state.recordingId,
      media_id: media.mediaId,
      ...granted,
      ...tokenOf(deps, by, state, media.mediaId),
    },
  }
}

/** A chunk of that content in the object store. */
export const chunkContentType = 'application/octet-stream'

const forChunk = async (
  deps: Deps,
  by: By,
  present: Present,
  { index, file_size_bytes: bytes, content_sha256: sha256 }: NonNullable<UploadUrlBody['chunk']>,
): Promise<Given> => {
  const wanted = { index, bytes, sha256, startedAt: null, durationMs: null }
  const announced = await announceChunk(deps, by, present, wanted)
  const { state } = announced
  const known = chunkAt(state.chunks, index)
  const place = { project: by.project, recording: state.recordingId }
  const key = chunkKey(place, { index, sha256, attempt: known?.attempt ?? 0 })
  const grant = { bytes, sha256, contentType: chunkContentType, expiresSeconds: grantSecondsMax }
  const { url, method, headers, expiresAt } = deps.objects.presignPut(key, grant)
  const isStored = known?.object != null
  return {
    ...announced,
    reply: {
      recording_id: state.recordingId,
      media_id: null,
      upload_url: isStored ? null : url,
      method,
      headers,
      expires_at: expiresAt,
      ...tokenOf(deps, by, state),
    },
  }
}

const forTemplate = (deps: Deps, by: By, present: Present): Given => {
  const { chunk_upload_url_template, upload_token, upload_expires_at } = chunkTemplate(
    deps,
    by,
    present.state,
  )
  return {
    ...present,
    reply: {
      recording_id: present.state.recordingId,
      media_id: null,
      upload_url: chunk_upload_url_template,
      method: 'PUT',
      headers: {},
      expires_at: upload_expires_at,
      upload_token,
      upload_token_expires_at: upload_expires_at,
    },
  }
}

/** Where bytes of a recording may be put: a file of its own, one chunk, or every chunk. */
export const giveUploadUrl =
  (deps: Deps) =>
  async (present: Present, by: By, body: UploadUrlBody): Promise<Given> => {
    if (body.chunk) {
      if (!isStreaming(present.state)) throw refusal('not-streaming')
      return forChunk(deps, by, present, body.chunk)
    }
    return isStreaming(present.state)
      ? forTemplate(deps, by, present)
      : forFile(deps, by, present, body)
  }

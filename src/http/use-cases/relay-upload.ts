import { createHash } from 'node:crypto'
import type { Readable } from 'node:stream'
import { chunkBytesMax, mediaBytesMax } from '../../../protocol/limits.ts'
import { relayedBytesMax } from '../../../protocol/limits-recordings.ts'
import { chunkKey } from '../../../protocol/object-keys.ts'
import { chunkAt } from '../../domain/recording/chunks.ts'
import { storeChunks } from '../../domain/recording/object-decisions.ts'
import { type Media, recording } from '../../domain/recording/state.ts'
import { checkObject } from '../../store/object-check.ts'
import { BodyMismatch, PreconditionFailed } from '../../store/object-store.ts'
import { recordingStream } from '../../store/streams.ts'
import type { Call, UploadPrincipal } from '../call.ts'
import type { HttpDeps } from '../ports.ts'
import { invalidValue, Problem, unavailable } from '../problems.ts'
import { refusal } from '../refusals.ts'
import type { Present } from './recordings.ts'
import { announceChunk, chunkContentType, isStreaming, keyOfMedia } from './upload-url.ts'

type Deps = Pick<HttpDeps, 'ledger' | 'objects'>
export type Relayed = { readonly bytes: number; readonly sha256: string }

const lengthOf = ({ headers }: Call, bytesMax: number): number => {
  const text = headers['content-length']
  if (text === undefined) throw invalidValue('Content-Length', 'is required')
  const bytes = Number(text)
  if (bytes > bytesMax)
    throw new Problem('payload_too_large', { message: `The body exceeds ${bytesMax} bytes.` })
  if (bytes === 0) throw invalidValue('Content-Length', 'must be 1 at least')
  return bytes
}

/** What the object store said of bytes that it did not take. */
const refused = (error: unknown): unknown => {
  if (error instanceof PreconditionFailed)
    return new Problem('precondition_failed', { message: 'It is uploaded already.' })
  if (error instanceof BodyMismatch)
    return invalidValue('body', 'is not what was announced, or ended early')
  return error
}

async function* counted(source: Readable, hash: ReturnType<typeof createHash>) {
  for await (const piece of source as AsyncIterable<Buffer>) {
    hash.update(piece)
    yield piece
  }
}

/** A file, streamed through; believed in once its upload is completed. */
export const relayFile = async (
  { objects }: Deps,
  call: Call,
  { project, state }: Present & { readonly project: UploadPrincipal['project'] },
  media: Media,
): Promise<Relayed> => {
  if (media.stored) throw refusal('not-pending')
  const bytes = lengthOf(call, mediaBytesMax)
  if (media.bytes !== null && media.bytes !== bytes)
    throw invalidValue('Content-Length', 'is not what was announced')
  const hash = createHash('sha256')
  const about = {
    bytes,
    contentType: media.contentType,
    ifNoneMatch: '*',
    ...(media.sha256 !== null && { sha256: media.sha256 }),
  } as const
  const body = counted(call.readRaw(), hash)
  await objects.write(keyOfMedia(project, state, media), body, about).catch((error: unknown) => {
    throw refused(error)
  })
  return { bytes, sha256: hash.digest('hex') }
}

const readWhole = async (call: Call): Promise<Buffer> => {
  const pieces: Buffer[] = []
  try {
    for await (const piece of call.readRaw() as AsyncIterable<Buffer>) pieces.push(piece)
  } catch (error) {
    throw new Problem('invalid_request', { message: 'The body ended early.', cause: error })
  }
  return Buffer.concat(pieces)
}

export type RelayedChunk = {
  readonly upload: UploadPrincipal
  readonly present: Present
  readonly index: number
}

const putChunk = async (
  deps: Deps,
  call: Call,
  { upload, present, index }: RelayedChunk,
): Promise<Relayed> => {
  const body = await readWhole(call)
  const { length: bytes } = body
  const sha256 = createHash('sha256').update(body).digest('hex')
  const by = { project: upload.project, actor: upload.by, requestId: call.requestId }
  const wanted = { index, bytes, sha256, startedAt: null, durationMs: null }
  const { state } = await announceChunk(deps, by, present, wanted)
  const known = chunkAt(state.chunks, index)
  if (known?.object != null) return { bytes, sha256 }
  const place = { project: upload.project, recording: state.recordingId }
  const object = chunkKey(place, { index, sha256, attempt: known?.attempt ?? 0 })
  await deps.objects
    .write(object, body, { bytes, sha256, contentType: chunkContentType, ifNoneMatch: '*' })
    .catch((error: unknown) => {
      // Something is there already: it is looked at like everything before it is believed in.
      if (!(error instanceof PreconditionFailed)) throw refused(error)
    })
  const found = await checkObject(deps.objects, object, { bytes, sha256 })
  if (found.kind !== 'good') throw refusal('another-content')
  const stream = recordingStream(upload.project, state.recordingId)
  const decide = () => storeChunks({ chunks: [{ index, sha256, object }] })
  await deps.ledger.transact(stream, recording, decide, by)
  return { bytes, sha256 }
}

/**
 * A chunk of a streaming recording: announced, put, and stored when this answers; a repeat is the same. It must be known whole before it
 * can be announced, so that at most `relayedBytesMax` are held at once; past that 503.
 */
export const relayChunks = (deps: Deps) => {
  let heldBytes = 0
  return async (call: Call, chunk: RelayedChunk): Promise<Relayed> => {
    if (!isStreaming(chunk.present.state)) throw refusal('not-streaming')
    const bytes = lengthOf(call, chunkBytesMax)
    if (heldBytes + bytes > relayedBytesMax) throw unavailable()
    heldBytes += bytes
    try {
      return await putChunk(deps, call, chunk)
    } finally {
      heldBytes -= bytes
    }
  }
}

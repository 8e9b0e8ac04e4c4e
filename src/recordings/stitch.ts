import { createHash } from 'node:crypto'
import { rootOfChunks } from '../../protocol/certificate.ts'
import { type Codec, stitchedTypes } from '../../protocol/media.ts'
import { stitchedKey } from '../../protocol/object-keys.ts'
import { type Chunk, everyChunk } from '../domain/recording/chunks.ts'
import { fail, refuseChunk, stitch } from '../domain/recording/object-decisions.ts'
import { type KnownRecording, recording, type StoredObject } from '../domain/recording/state.ts'
import { isComplete } from '../domain/recording/status.ts'
import { NoSuchObject } from '../store/object-store.ts'
import { recordingStream } from '../store/streams.ts'
import { BrokenAudio } from './join/broken-audio.ts'
import { joins } from './join/join.ts'
import { type BytesDeps, bySystem, type Place } from './ports.ts'
import { readOpen } from './verify.ts'
import { copyWhole, isCopied, partBytesFor, writeWhole } from './write-whole.ts'

type Deps = BytesDeps

/** A chunk that was counted as stored, and whose object is gone or is another. */
export class ChunkLost extends Error {
  override readonly name = 'ChunkLost'
  readonly chunk: Chunk

  constructor(chunk: Chunk, options?: ErrorOptions) {
    super(`chunk ${chunk.index} is lost`, options)
    this.chunk = chunk
  }
}

/** The bytes of a stored chunk; what ends otherwise than it was announced is a `ChunkLost`. */
async function* bytesOf({ objects }: Deps, chunk: Chunk): AsyncGenerator<Uint8Array> {
  const hash = createHash('sha256')
  let bytes = 0
  try {
    for await (const piece of await objects.read(chunk.object ?? '')) {
      hash.update(piece)
      bytes += piece.length
      yield piece
    }
  } catch (error) {
    if (error instanceof NoSuchObject) throw new ChunkLost(chunk, { cause: error })
    throw error
  }
  if (bytes !== chunk.bytes || hash.digest('hex') !== chunk.sha256) throw new ChunkLost(chunk)
}

async function* allOf(deps: Deps, chunks: readonly Chunk[]) {
  for (const chunk of chunks) yield { index: chunk.index, bytes: bytesOf(deps, chunk) }
}

const oggMagic = Buffer.from('OggS')

/** A recording that never said its codec is Opus if it looks so. */
const codecOf = async (
  { objects }: Deps,
  { codec }: KnownRecording,
  [first]: readonly Chunk[],
): Promise<Codec | undefined> => {
  if (codec !== null) return codec
  const range = { from: 0, bytes: oggMagic.length }
  const magic: Uint8Array[] = []
  if (first)
    for await (const piece of await objects.read(first.object ?? '', range)) magic.push(piece)
  return Buffer.concat(magic).equals(oggMagic) ? 'opus' : undefined
}

/** Throws `ChunkLost`, `BrokenAudio`. */
export const writeObject = async (
  deps: Deps,
  place: Place,
  { codec, chunks }: { readonly codec: Codec; readonly chunks: readonly Chunk[] },
): Promise<StoredObject> => {
  const { contentType, extension } = stitchedTypes[codec]
  const object = stitchedKey(place.project, place.recording, extension)
  const target = { key: object, contentType }
  const partBytes = partBytesFor(chunks.reduce((sum, { bytes }) => sum + bytes, 0))
  const written =
    codec !== 'opus' && isCopied(chunks)
      ? await copyWhole(deps.objects, target, chunks, (chunk) => bytesOf(deps, chunk))
      : await writeWhole(deps.objects, target, joins[codec](allOf(deps, chunks)), partBytes)
  return { object, ...written }
}

/** The device is asked for it again, and under the same key, which must be free then. */
export const askAgain = async (deps: Deps, place: Place, chunk: Chunk): Promise<void> => {
  const { ledger, objects, log, meter } = deps
  const { index, sha256, attempt, object } = chunk
  log.error({ ...place, index, object }, 'a chunk that was stored is lost')
  meter.count('chunks_lost_total')
  if (object !== null) await objects.delete([object])
  const args = { index, sha256, attempt, reason: 'lost' } as const
  const stream = recordingStream(place.project, place.recording)
  await ledger.transact(stream, recording, () => refuseChunk(args), bySystem(place))
}

const give = async (deps: Deps, place: Place, made: StoredObject, chunks: readonly Chunk[]) => {
  const merkleRoot = rootOfChunks(chunks.map(({ sha256 }) => sha256))
  const stream = recordingStream(place.project, place.recording)
  const decide = () => stitch({ ...made, merkleRoot })
  const done = await deps.ledger.transact(stream, recording, decide, bySystem(place))
  // Deleted meanwhile: nothing of it may stay.
  if (done.kind === 'done' && done.outcome.kind === 'refused' && done.outcome.because === 'closed')
    await deps.objects.delete([made.object])
}

const failed = async ({ ledger, log }: Deps, place: Place, error: BrokenAudio) => {
  log.warn({ ...place, because: error.message }, 'a recording cannot be put together')
  const stream = recordingStream(place.project, place.recording)
  await ledger.transact(stream, recording, () => fail({ reason: error.code }), bySystem(place))
}

const putTogether = async (deps: Deps, place: Place): Promise<void> => {
  const state = await readOpen(deps, place)
  if (!state || !isComplete(state)) return
  const chunks = [...everyChunk(state.chunks)]
  try {
    const codec = await codecOf(deps, state, chunks)
    // Its start may still come and say it.
    if (!codec) return
    const made = await writeObject(deps, place, { codec, chunks })
    await give(deps, place, made, chunks)
    deps.meter.count('recordings_stitched_total')
    deps.meter.count('recordings_stitched_bytes_total', made.bytes)
  } catch (error) {
    if (error instanceof ChunkLost) await askAgain(deps, place, error.chunk)
    else if (error instanceof BrokenAudio) await failed(deps, place, error)
    else throw error
  }
}

/**
 * Makes one object of a recording whose chunks are all stored: in order, each hashed once more as it passes, in constant memory. At most
 * once at a time over all nodes; after a crash it begins anew and ends in the same bytes under the same key. Throws `StoreUnavailable`,
 * `ObjectStoreUnavailable`, `Contended`.
 */
export const stitchRecording = async (deps: Deps, place: Place): Promise<void> => {
  await deps.exclusively(`lapel:stitch:${place.recording}`, () => putTogether(deps, place))
}

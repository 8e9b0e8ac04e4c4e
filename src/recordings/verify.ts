import { msOf } from '../../protocol/instant.ts'
import { recordingHeadsMax, verifiedChunksMax } from '../../protocol/limits-recordings.ts'
import { chunkKey } from '../../protocol/object-keys.ts'
import { awaited, type Chunk, chunkAt } from '../domain/recording/chunks.ts'
import { refuseChunk, storeChunks } from '../domain/recording/object-decisions.ts'
import { type KnownRecording, recording } from '../domain/recording/state.ts'
import { isClosed } from '../domain/recording/status.ts'
import { checkObject, type Found } from '../store/object-check.ts'
import { recordingStream } from '../store/streams.ts'
import { eachAtOnce } from './at-once.ts'
import { type BytesDeps, bySystem, type Place } from './ports.ts'

type Deps = Pick<BytesDeps, 'ledger' | 'objects' | 'log' | 'meter' | 'now'>
type Looked = { readonly chunk: Chunk; readonly key: string; readonly found: Found }

/** The recording while it takes chunks. */
export const readOpen = async (
  { ledger }: Pick<Deps, 'ledger'>,
  { project, recording: id }: Place,
): Promise<KnownRecording | undefined> => {
  const { state } = await ledger.read(recordingStream(project, id), recording)
  return state.kind === 'known' && !isClosed(state) ? state : undefined
}

const isAwaited = (chunk: Chunk | undefined): chunk is Chunk =>
  chunk !== undefined && chunk.object === null

const count = ({ meter, now }: Deps, looked: readonly Looked[]): void => {
  const good = looked.filter(({ found }) => found.kind === 'good')
  for (const { chunk } of good)
    meter.observe('chunk_stored_seconds', Math.max(0, now() - msOf(chunk.announcedAt)) / 1_000)
  meter.count('chunks_stored_total', good.length)
}

/** The recording after it; `undefined` where none of them is good. */
const recordStored = async (deps: Deps, place: Place, looked: readonly Looked[]) => {
  const chunks = looked.flatMap(({ chunk: { index, sha256 }, key, found }) =>
    found.kind === 'good' ? [{ index, sha256, object: key }] : [],
  )
  if (chunks.length === 0) return undefined
  const stream = recordingStream(place.project, place.recording)
  const decide = () => storeChunks({ chunks })
  const done = await deps.ledger.transact(stream, recording, decide, bySystem(place))
  count(deps, looked)
  return done.kind !== 'idempotency-mismatch' && done.state.kind === 'known'
    ? done.state
    : undefined
}

/** What was put is not what was announced: the log says so before it is taken away, so that no grant is given for its key again. */
const setAside = async (deps: Deps, place: Place, { chunk, key, found }: Looked) => {
  if (found.kind !== 'wrong') return
  const { index, sha256, attempt } = chunk
  const args = { index, sha256, reason: found.reason, attempt }
  const stream = recordingStream(place.project, place.recording)
  await deps.ledger.transact(stream, recording, () => refuseChunk(args), bySystem(place))
  deps.meter.count('chunks_refused_total')
  deps.log.warn({ ...place, index, reason: found.reason }, 'a chunk is not what was announced')
  await deps.objects.delete([key])
}

/** As it was seen last where that shows all of these chunks awaited: a decision on what is out of date finds that out. Else as it is now. */
const stateFor = async (deps: Deps, place: Place, indices: readonly number[] | undefined) => {
  const { state } = deps.ledger.known(recordingStream(place.project, place.recording), recording)
  const isSeen =
    state.kind === 'known' &&
    !isClosed(state) &&
    indices?.every((index) => isAwaited(chunkAt(state.chunks, index)))
  return isSeen ? state : readOpen(deps, place)
}

/**
 * Looks whether chunks that were announced are in the object store as they were announced, and writes down what it finds. `indices`:
 * which; without them the lowest that are awaited. Resolves with the recording as it is then, while it takes chunks. Throws `StoreUnavailable`, `ObjectStoreUnavailable`, `Contended`.
 */
export const verifyChunks = async (
  deps: Deps,
  place: Place,
  indices?: readonly number[],
): Promise<KnownRecording | undefined> => {
  const state = await stateFor(deps, place, indices)
  if (!state) return undefined
  const chunks = indices
    ? indices.map((index) => chunkAt(state.chunks, index)).filter(isAwaited)
    : awaited(state.chunks, verifiedChunksMax)
  const looked = await eachAtOnce(chunks, recordingHeadsMax, async (chunk) => {
    const key = chunkKey(place, chunk)
    return { chunk, key, found: await checkObject(deps.objects, key, chunk) }
  })
  const after = await recordStored(deps, place, looked)
  for (const one of looked) await setAside(deps, place, one)
  return after ?? state
}

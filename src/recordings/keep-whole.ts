import { everyChunk } from '../domain/recording/chunks.ts'
import { type KnownRecording, recording, type StoredObject } from '../domain/recording/state.ts'
import { recordingStream } from '../store/streams.ts'
import type { BytesDeps, Place } from './ports.ts'
import { ChunkLost, writeObject } from './stitch.ts'

/** What of a recording can be downloaded. */
const wholesOf = ({ end, media, deletedAt }: KnownRecording): readonly StoredObject[] => {
  if (deletedAt !== null) return []
  const files = media.flatMap(({ stored }) => stored ?? [])
  return end?.kind === 'stitched' ? [...files, end] : files
}

const isThere = async ({ objects }: BytesDeps, { object, bytes, sha256 }: StoredObject) => {
  const head = await objects.head(object)
  return head?.bytes === bytes && (head.sha256 === undefined || head.sha256 === sha256)
}

/** The same bytes under the same key, as long as its chunks are kept. False: some of them are gone, or others. */
const isMadeAgain = async (deps: BytesDeps, place: Place, state: KnownRecording) => {
  const { end, codec, chunks } = state
  if (end?.kind !== 'stitched') return false
  try {
    const of = { codec: codec ?? 'opus', chunks: [...everyChunk(chunks)] }
    const made = await writeObject(deps, place, of)
    return made.object === end.object && made.sha256 === end.sha256
  } catch (error) {
    if (error instanceof ChunkLost) return false
    throw error
  }
}

/**
 * Looks whether what was uploaded of a recording is still there. The one object is put together again while its chunks are kept; what
 * cannot be is said, in the log and by `recordings_lost_total`, each time that it is looked at: the recording stays as the log knows
 * it, for the object may come back from a back-up. Throws `StoreUnavailable`, `ObjectStoreUnavailable`.
 */
export const keepWhole = async (deps: BytesDeps, place: Place): Promise<void> => {
  const stream = recordingStream(place.project, place.recording)
  const { state } = await deps.ledger.read(stream, recording)
  if (state.kind !== 'known') return
  for (const whole of wholesOf(state)) {
    if (await isThere(deps, whole)) continue
    const isStitched = state.end?.kind === 'stitched' && whole.object === state.end.object
    const again = () => isMadeAgain(deps, place, state)
    // Another node is at it where nothing is answered.
    const isKept = isStitched && (await deps.exclusively(`lapel:stitch:${place.recording}`, again))
    if (isKept === undefined) continue
    const about = { ...place, object: whole.object }
    if (isKept) deps.log.warn(about, 'the object of a recording was lost, and is made again')
    else deps.log.error(about, 'the object of a recording is lost')
    deps.meter.count(isKept ? 'recordings_made_again_total' : 'recordings_lost_total')
  }
}

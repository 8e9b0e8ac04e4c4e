import { recordingHeadsMax, verifiedChunksMax } from '../../../protocol/limits-recordings.ts'
import { awaited } from '../../domain/recording/chunks.ts'
import type { KnownRecording } from '../../domain/recording/state.ts'
import { isClosed, isComplete } from '../../domain/recording/status.ts'
import type { Decided } from './decide.ts'
import type { RecordingMessage } from './messages.ts'

export type Hint = {
  /** Chunks that may be in the object store. */
  readonly indices: readonly number[]
  /** Nothing but that the device goes on says so. */
  readonly isByTheWay: boolean
}

const awaitedIn = ({ chunks }: KnownRecording, chunksMax: number): readonly number[] =>
  awaited(chunks, chunksMax).map(({ index }) => index)

/** Chunks that were never announced before cannot be there yet, but those before them can: devices put the lowest first. */
const besides = (state: KnownRecording, fresh: readonly number[]): Hint | undefined => {
  const said = new Set(fresh)
  const indices = awaitedIn(state, recordingHeadsMax).filter((index) => !said.has(index))
  return indices.length > 0 ? { indices, isByTheWay: true } : undefined
}

/**
 * What a device says of its chunks, it says when it has put some (MQTT contract, "Chunked upload", 3): what is worth looking at in the object
 * store after a message of it.
 */
export const hintOf = (
  message: RecordingMessage,
  { outcome, state }: Decided,
): Hint | undefined => {
  if (state.kind === 'unknown' || isClosed(state) || outcome.kind === 'started') return undefined
  const said = message.kind === 'recording-chunks' ? message.payload.chunks : []
  if (outcome.kind === 'announced' && outcome.fresh === said.length)
    return besides(
      state,
      said.map(({ index }) => index),
    )
  const indices = awaitedIn(state, verifiedChunksMax)
  return indices.length > 0 || isComplete(state) ? { indices, isByTheWay: false } : undefined
}

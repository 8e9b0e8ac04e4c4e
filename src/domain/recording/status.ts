import { watermarkRangesMax } from '../../../protocol/limits.ts'
import { firstRun, gapsIn, highest, type Ranges } from '../../../protocol/ranges.ts'
import type { RecordingStatus } from '../../../protocol/recording-payloads.ts'
import { isStoredUpTo } from './chunks.ts'
import type { End, KnownRecording } from './state.ts'

const ended = {
  stitched: 'uploaded',
  incomplete: 'incomplete',
  failed: 'failed',
} as const satisfies Record<End['kind'], RecordingStatus>

/** Whether it is finished and every chunk of it is stored. */
export const isComplete = ({ chunks, finish }: KnownRecording): boolean =>
  finish !== null && finish.totalChunks > 0 && isStoredUpTo(chunks, finish.totalChunks)

const areFilesStored = ({ media }: KnownRecording): boolean =>
  media.length > 0 && media.every((one) => one.stored !== null)

/** How far its bytes are, whosever they are. */
export const stageOf = (state: KnownRecording): Exclude<RecordingStatus, 'quarantined'> => {
  if (state.end) return ended[state.end.kind]
  if (isComplete(state)) return 'stitching'
  if (areFilesStored(state)) return 'uploaded'
  const hasBegun = state.source === 'mqtt' || state.chunks.announced.length > 0
  return hasBegun || state.finish ? 'recording' : 'pending'
}

/** `deleted` is answered with 404. */
export const statusOf = (state: KnownRecording): RecordingStatus | 'deleted' => {
  if (state.deletedAt !== null) return 'deleted'
  return state.quarantineReason === null ? stageOf(state) : 'quarantined'
}

/** It takes no more chunks and no more files. */
export const isClosed = (state: KnownRecording): boolean =>
  state.end !== null || state.deletedAt !== null

/** What is missing of it, as far as anybody said what there is: the lowest gaps. */
export const missingOf = ({ chunks, finish }: KnownRecording, rangesMax: number): Ranges =>
  gapsIn(chunks.stored, finish?.totalChunks ?? highest(chunks.announced), rangesMax)

export type Watermark = {
  /** Every chunk up to this one is stored. */
  readonly storedUpTo: number
  readonly missing: Ranges
  readonly isComplete: boolean
  readonly status: RecordingStatus | 'deleted'
}

/** What the device is told; MQTT contract, "Payloads". */
export const watermarkOf = (state: KnownRecording): Watermark => ({
  storedUpTo: firstRun(state.chunks.stored),
  missing: missingOf(state, watermarkRangesMax),
  isComplete: isComplete(state),
  status: statusOf(state),
})

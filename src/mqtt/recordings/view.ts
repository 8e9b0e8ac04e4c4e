import type { AwaitedChunk } from '../../../projections/recording-chunks.ts'
import type { RecordingRow } from '../../../projections/tables.ts'
import type { RecordingId } from '../../../protocol/ids.ts'
import { grantsOutstandingMax, watermarkRangesMax } from '../../../protocol/limits.ts'
import { firstRun, gapsIn, highest } from '../../../protocol/ranges.ts'
import type { DownWatermark } from '../../../protocol/recording-payloads.ts'
import { isWhole } from '../../../protocol/recording-status.ts'
import { awaited, type Chunk, chunkAt } from '../../domain/recording/chunks.ts'
import type { KnownRecording } from '../../domain/recording/state.ts'
import { isClosed, watermarkOf } from '../../domain/recording/status.ts'

export type GrantedChunk = {
  readonly index: number
  readonly bytes: number
  readonly sha256: string
  readonly attempt: number
}

/** What a device is told of a recording: from its stream, or from the read models. */
export type RecordingView = {
  readonly watermark: DownWatermark
  readonly isClosed: boolean
  /** Chunks that may be put, the lowest first, twice as many as may be out at once. */
  readonly awaited: readonly GrantedChunk[]
  /** One of them by its index. */
  readonly chunk: (index: number) => GrantedChunk | undefined
}

const pairs = (ranges: readonly (readonly [number, number])[]): [number, number][] =>
  ranges.map(([from, to]) => [from, to])

const granted = ({ index, bytes, sha256, attempt }: Chunk): GrantedChunk => ({
  index,
  bytes,
  sha256,
  attempt,
})

export const viewOf = (state: KnownRecording): RecordingView => {
  const { storedUpTo, missing, isComplete, status } = watermarkOf(state)
  const closed = isClosed(state)
  return {
    watermark: {
      recording_id: state.recordingId,
      stored_up_to: storedUpTo,
      missing: pairs(missing),
      complete: isComplete,
      status,
    },
    isClosed: closed,
    awaited: closed ? [] : awaited(state.chunks, 2 * grantsOutstandingMax).map(granted),
    chunk: (index) => {
      const chunk = closed ? undefined : chunkAt(state.chunks, index)
      return chunk?.object === null ? granted(chunk) : undefined
    },
  }
}

export const viewOfRow = (row: RecordingRow, chunks: readonly AwaitedChunk[]): RecordingView => {
  const { announced, stored, total_chunks: totalChunks } = row
  const awaitedChunks = chunks.map((one) => ({ ...one, bytes: Number(one.bytes) }))
  return {
    watermark: {
      // A row is named after its recording.
      recording_id: row.id as RecordingId,
      stored_up_to: firstRun(stored),
      missing: pairs(gapsIn(stored, totalChunks ?? highest(announced), watermarkRangesMax)),
      complete: isWhole({ totalChunks, stored }),
      status: row.status,
    },
    isClosed: !row.is_open,
    awaited: row.is_open ? awaitedChunks : [],
    chunk: (wanted) => awaitedChunks.find(({ index }) => index === wanted),
  }
}

import { firstRun, type Ranges } from './ranges.ts'
import type { RecordingStatus } from './recording-payloads.ts'

/** What says how far the bytes of a recording are: the same for who decides and for who reads. */
export type Progress = {
  readonly source: 'mqtt' | 'http'
  readonly announced: Ranges
  readonly stored: Ranges
  /** `null` until it is finished. */
  readonly totalChunks: number | null
  /** How it ended, if it did. */
  readonly end: 'stitched' | 'incomplete' | 'failed' | null
  readonly storedFiles: number
}
export type Stage = Exclude<RecordingStatus, 'quarantined'>

const ended = { stitched: 'uploaded', incomplete: 'incomplete', failed: 'failed' } as const

/** Whether it is finished and every chunk of it is stored. */
export const isWhole = ({ totalChunks, stored }: Pick<Progress, 'totalChunks' | 'stored'>) =>
  totalChunks !== null && totalChunks > 0 && firstRun(stored) >= totalChunks

/** How far its bytes are, whosever they are. */
export const stageBy = (progress: Progress): Stage => {
  const { source, announced, totalChunks, end, storedFiles } = progress
  if (end !== null) return ended[end]
  if (isWhole(progress)) return 'stitching'
  // One append stores them all: a file whose URL was given in vain does not hold up the others.
  if (storedFiles > 0) return 'uploaded'
  const hasBegun = source === 'mqtt' || announced.length > 0 || totalChunks !== null
  return hasBegun ? 'recording' : 'pending'
}

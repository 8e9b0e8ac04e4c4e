import { batchEntriesMax, busyLoopSlotMs, busyRowsBehindMsMax } from '../../protocol/limits.ts'
import { type Decoded, entriesIn } from './decode.ts'
import { pause } from './pause.ts'

/** Rests for as long as those who wait for their PUBACK are many, `ms` at most, or until the signal. */
export const giveWay = async (
  ms: number,
  isBusy: () => boolean,
  signal: AbortSignal,
): Promise<void> => {
  for (let leftMs = ms; leftMs > 0 && isBusy() && !signal.aborted; leftMs -= busyLoopSlotMs)
    await pause(Math.min(leftMs, busyLoopSlotMs), signal)
}

/** When the newest observation of a batch was received. */
const receivedMs = (decoded: readonly Decoded[]): number => {
  const newest = decoded.findLast((one) => one.kind === 'observed')
  return Date.parse(newest?.entries.at(-1)?.rx ?? '')
}

/** Behind a full batch, until the rows of devices are `busyRowsBehindMsMax` behind. */
export const mayGiveWay = (decoded: readonly Decoded[], nowMs: number): boolean =>
  entriesIn(decoded) >= batchEntriesMax && nowMs - receivedMs(decoded) < busyRowsBehindMsMax

import { performance } from 'node:perf_hooks'
import { busyLoopShareMin, busyLoopSlotMs } from '../protocol/limits.ts'

/** Whether the loop of the thread that made it is busy, told to every thread: 1 or 0. */
export type BusyFlag = Int32Array<SharedArrayBuffer>

export const isBusy = (flag: BusyFlag): boolean => Atomics.load(flag, 0) === 1

/** Looks at how busy the loop of this thread is, every `busyLoopSlotMs`. */
export const watchLoop = (): { readonly flag: BusyFlag; readonly end: () => void } => {
  const flag: BusyFlag = new Int32Array(new SharedArrayBuffer(Int32Array.BYTES_PER_ELEMENT))
  let before = performance.eventLoopUtilization()
  const timer = setInterval(() => {
    const now = performance.eventLoopUtilization()
    const { utilization } = performance.eventLoopUtilization(now, before)
    before = now
    Atomics.store(flag, 0, utilization >= busyLoopShareMin ? 1 : 0)
  }, busyLoopSlotMs)
  timer.unref()
  return { flag, end: () => clearInterval(timer) }
}

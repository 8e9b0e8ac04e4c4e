import { setTimeout as delay } from 'node:timers/promises'
import { simulatedSettleMsMax } from '../../../protocol/limits-recordings.ts'
import type { Target } from '../api.ts'
import { isAsRecorded, whenEnded } from './check.ts'
import type { SimulatedDevice } from './device.ts'
import type { KeptRecording } from './flash.ts'
import { noTally, Recorder, type RecordingPlan } from './recorder.ts'
import { until } from './run.ts'

export type RecordedSummary = {
  readonly recordings: number
  /** Chunks: said by the devices; put and accepted; found to be what was announced, and free to go from flash. */
  readonly announced: number
  readonly stored: number
  readonly verified: number
  /** Recordings that are one object now. */
  readonly stitched: number
  /** Of those, downloaded and other than what the device recorded. */
  readonly mismatches: number
  /** Recordings that ended otherwise, or not within the time that was given. */
  readonly unfinished: number
  readonly bytes: number
  readonly disconnects: number
  readonly power_cuts: number
  readonly repeated_announcements: number
}

type Steps = {
  readonly stopped: () => boolean
  /** How many of all are there. */
  readonly onSettled: (done: number, all: number, seconds: number) => void
  readonly onChecked: (done: number, all: number, seconds: number) => void
}

const chunks = { fewest: 3, most: 8, bytes: 24_576, everyMs: 250 }
const tickMs = 200
const troubles = ['line', 'power', undefined] as const

const planOf = (turn: number): RecordingPlan => ({
  chunks: chunks.fewest + Math.floor(Math.random() * (chunks.most - chunks.fewest + 1)),
  chunkBytes: chunks.bytes,
  everyMs: chunks.everyMs,
  trouble: troubles[turn % troubles.length],
})

const secondsSince = (started: number): number => (performance.now() - started) / 1_000

const settle = async (recorders: readonly Recorder[], steps: Steps): Promise<void> => {
  const started = performance.now()
  const all = () => recorders.flatMap(({ recordings }) => recordings)
  const done = () => all().filter(({ isDone }) => isDone).length
  const tell = () => steps.onSettled(done(), all().length, secondsSince(started))
  const telling = setInterval(tell, tickMs)
  await until(
    () => steps.stopped() || recorders.every(({ isDone }) => isDone),
    simulatedSettleMsMax,
  )
  clearInterval(telling)
  tell()
}

const check = async (target: Target, all: readonly KeptRecording[], steps: Steps) => {
  const started = performance.now()
  const givenUp = () => steps.stopped() || performance.now() - started > simulatedSettleMsMax
  let [stitched, mismatches, bytes] = [0, 0, 0]
  for (const [at, kept] of all.entries()) {
    const ended = await whenEnded(target, kept, givenUp)
    if (ended?.status === 'uploaded') {
      stitched += 1
      if (!(await isAsRecorded(target, kept))) mismatches += 1
      bytes += kept.bytes
    }
    steps.onChecked(at + 1, all.length, secondsSince(started))
  }
  return { stitched, mismatches, unfinished: all.length - stitched, bytes }
}

/** Devices that record while the simulation runs, in turn with a line that breaks, with a power cut and in peace. */
export const startRecorders = (devices: readonly SimulatedDevice[]) => {
  const tally = noTally()
  const recorders = devices.map((device) => new Recorder(device, tally))
  let isOver = false
  const recording = recorders.map(async (recorder, at) => {
    for (let turn = at; !isOver || turn === at; turn += 1) {
      await recorder.record(planOf(turn))
      await delay(chunks.everyMs)
    }
  })
  return {
    tally,
    /** Ends the recordings, waits until all is stored, downloads each and compares. */
    end: async (target: Target, steps: Steps): Promise<RecordedSummary> => {
      isOver = true
      await Promise.all(recording)
      await settle(recorders, steps)
      const all = recorders.flatMap(({ recordings }) => recordings)
      const checked = await check(target, all, steps)
      const { announced, stored, verified, disconnects, powerCuts, repeated } = tally
      return {
        recordings: all.length,
        announced,
        stored,
        verified,
        ...checked,
        disconnects,
        power_cuts: powerCuts,
        repeated_announcements: repeated,
      }
    },
  }
}

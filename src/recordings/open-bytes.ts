import {
  recordingHintsMax,
  recordingLooksMax,
  stitchesMax,
} from '../../protocol/limits-recordings.ts'
import { isComplete } from '../domain/recording/status.ts'
import type { Place } from './ports.ts'
import { removeAll } from './remove.ts'
import { stitchRecording } from './stitch.ts'
import { createSweep, type SweepDeps } from './sweep.ts'
import { verifyChunks } from './verify.ts'
import { createWork } from './work.ts'

export type RecordingBytes = {
  /** Something of it may have come into the object store: looked at soon. */
  readonly hint: (place: Place, indices?: readonly number[]) => void
  /** The same, and resolves once it was looked at. What goes wrong is left to the next sweep. */
  readonly look: (place: Place) => Promise<void>
  /** It was deleted: its objects go. */
  readonly remove: (place: Place) => void
  /** What nobody tells of is found. */
  readonly sweep: () => Promise<void>
  /** Recordings that wait to be looked at or put together. */
  readonly waiting: () => number
  readonly close: () => Promise<void>
}

/** Moves the bytes of recordings: verifies what was uploaded, puts together what is complete, takes away what is past its time. */
export const openRecordingBytes = (deps: Omit<SweepDeps, 'stitch'>): RecordingBytes => {
  const { log } = deps
  const bounded = { waitingMax: recordingHintsMax, log }
  const stitches = createWork({
    ...bounded,
    atOnceMax: stitchesMax,
    run: (place) => stitchRecording(deps, place),
  })
  const stitch = (place: Place): void => void stitches.ask(place)
  const looks = createWork({
    ...bounded,
    atOnceMax: recordingLooksMax,
    run: async (place, indices) => {
      const state = await verifyChunks(deps, place, indices)
      if (state && isComplete(state)) stitch(place)
    },
  })
  const removals = createWork({
    ...bounded,
    atOnceMax: stitchesMax,
    run: (place) => removeAll(deps, place),
  })
  const sweepOnce = createSweep({ ...deps, stitch })
  let sweeping: Promise<void> | undefined
  const sweep = (): Promise<void> => {
    sweeping ??= sweepOnce()
      .catch((err: unknown) => log.warn({ err }, 'the sweep of recordings broke off'))
      .finally(() => {
        sweeping = undefined
      })
    return sweeping
  }
  return {
    hint: (place, indices) => void looks.ask(place, indices),
    look: (place) => looks.ask(place),
    remove: (place) => void removals.ask(place),
    sweep,
    waiting: () => looks.waiting() + stitches.waiting() + removals.waiting(),
    close: async () => {
      await sweeping
      await Promise.all([looks.close(), stitches.close(), removals.close()])
    },
  }
}

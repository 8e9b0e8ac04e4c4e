import type { AnyProjection } from '../../projections/projection.ts'
import {
  batchEntriesMax,
  batchEventsMax,
  projectorDecisionGapMs,
  projectorGatherMs,
  projectorIdleMsMax,
  projectorLargeEntriesMin,
  projectorRestMsMax,
  projectorSmallRestMsMax,
} from '../../protocol/limits.ts'
import { type Decoded, entriesIn, logEventOf } from './decode.ts'
import type { Taken } from './take-batch.ts'

const restMsPerEntry = 0.2
const smallRestMsPerEntry = 2

const hasDecision = (decoded: readonly Decoded[]): boolean =>
  decoded.some(({ kind }) => kind === 'recorded')

/**
 * While heartbeats come, the rows of the next batch are mostly those of this one, and a batch of those or of sessions costs more than
 * what is in it: what comes within a short rest joins the next.
 */
const restMs = (decoded: readonly Decoded[]): number => {
  const entries = entriesIn(decoded)
  if (entries >= projectorLargeEntriesMin)
    return Math.min(projectorRestMsMax, entries * restMsPerEntry)
  return hasDecision(decoded) ? 0 : Math.min(projectorSmallRestMsMax, entries * smallRestMsPerEntry)
}

const noKeys: ReadonlyMap<string, Uint8Array> = new Map()

/** Whether no read model has anything to do with it. */
const isIdle = (decoded: Decoded, projections: readonly AnyProjection[]): boolean => {
  if (decoded.kind !== 'recorded') return decoded.kind === 'nothing'
  const event = logEventOf(decoded, noKeys, () => false)
  return !event || projections.every(({ touches }) => touches(event) === undefined)
}

/**
 * The events of one append come one by one, and what moves nothing but the checkpoint mostly comes just before what does: a short wait
 * makes one batch of them.
 */
const gatherMs = ({ decoded, caughtUp }: Taken, projections: readonly AnyProjection[]): number => {
  if (caughtUp || decoded.length >= projectorLargeEntriesMin) return 0
  if (decoded.some(({ kind }) => kind === 'observed' || kind === 'sessions')) return 0
  return decoded.every((one) => isIdle(one, projections)) ? projectorIdleMsMax : projectorGatherMs
}

const isFull = ({ decoded, caughtUp }: Taken): boolean =>
  caughtUp || decoded.length >= batchEventsMax || entriesIn(decoded) >= batchEntriesMax

/** How long the rows wait before a batch, for what may join it. */
export class RowRests {
  readonly #projections: readonly AnyProjection[]
  #began = Number.NEGATIVE_INFINITY
  #rested = 0

  constructor(projections: readonly AnyProjection[]) {
    this.#projections = projections
  }

  /** A batch is written from now on. */
  begin(ms: number): void {
    this.#began = ms
  }

  end(decoded: readonly Decoded[], ms: number): void {
    this.#rested = ms + restMs(decoded)
  }

  waitMs(batch: Taken, ms: number): number {
    return Math.max(gatherMs(batch, this.#projections), this.#restMs(batch, ms))
  }

  /** Whoever wrote a decision waits for it: it waits for no rest, but where many decide each batch takes a few of theirs. */
  #restMs(batch: Taken, ms: number): number {
    if (isFull(batch)) return 0
    if (!hasDecision(batch.decoded)) return this.#rested - ms
    return Math.min(projectorDecisionGapMs, this.#began + projectorDecisionGapMs - ms)
  }
}

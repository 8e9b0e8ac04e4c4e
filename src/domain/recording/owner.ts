import type { QuarantineReason } from '../../../protocol/events/recording.ts'
import type { BindingId, EndUserId } from '../../../protocol/ids.ts'
import { type Instant, msOf } from '../../../protocol/instant.ts'
import type { BoundPeriod } from '../device.ts'

/** Around a recording: nobody else may have owned the device so close to it. */
export const ownerMarginMs = 120_000

/** Whose a recording is, or why nobody can say. */
export type Owner = {
  readonly endUserId: EndUserId | null
  readonly bindingId: BindingId | null
  /** What was added to the device's times, in milliseconds; `null`: they mean nothing. */
  readonly skewMs: number | null
  readonly quarantineReason: QuarantineReason | null
}

/** From its first to its last moment, by the device's clock. */
export type Interval = { readonly from: Instant; readonly to: Instant }

/** Whose a recording of that time is. */
export type OwnerOf = (interval: Interval) => Owner

export type Evidence = {
  readonly bindings: readonly BoundPeriod[]
  /** Of the boot in which it was recorded. `null`: no message of that boot said what its clock showed. */
  readonly skewMs: number | null
  /** Of the boot in which it ended, where that is another. */
  readonly endSkewMs?: number | null | undefined
  /** What the device says of its clock. */
  readonly isClockSynced: boolean
  readonly receivedAt: Instant
}

/** The median of received − device time, in milliseconds; `null` of none. */
export const medianSkew = (samplesMs: readonly number[]): number | null => {
  const sorted = samplesMs.toSorted((a, b) => a - b)
  const [low, high] = [sorted[(sorted.length - 1) >> 1], sorted[sorted.length >> 1]]
  return low === undefined || high === undefined ? null : Math.round((low + high) / 2) + 0
}

type Stretch = { readonly fromMs: number; readonly toMs: number }

const endOf = ({ until }: BoundPeriod): number =>
  until === null ? Number.POSITIVE_INFINITY : msOf(until)

const touches = (binding: BoundPeriod, { fromMs, toMs }: Stretch): boolean =>
  msOf(binding.since) <= toMs && fromMs <= endOf(binding)

const holds = (binding: BoundPeriod, { fromMs, toMs }: Stretch): boolean =>
  msOf(binding.since) <= fromMs && toMs < endOf(binding)

type Skews = { readonly from: number; readonly to: number }

const corrected = ({ from, to }: Interval, skews: Skews): Stretch => {
  const [one, other] = [msOf(from) + skews.from, msOf(to) + skews.to]
  return { fromMs: Math.min(one, other), toMs: Math.max(one, other) }
}

const judged = (
  { bindings, receivedAt }: Evidence,
  time: Stretch,
): BoundPeriod | QuarantineReason => {
  if (time.toMs > msOf(receivedAt) + ownerMarginMs) return 'time_in_future'
  const owner = bindings.find((binding) => holds(binding, time))
  if (!owner)
    return bindings.some((binding) => touches(binding, time)) ? 'binding_edge' : 'not_owned'
  const around = { fromMs: time.fromMs - ownerMarginMs, toMs: time.toMs + ownerMarginMs }
  const isNear = bindings.some(
    (other) => other.endUserId !== owner.endUserId && touches(other, around),
  )
  return isNear ? 'other_owner_near' : owner
}

/**
 * The owner when it was recorded, never the next one: the time, corrected, lies inside one binding, and nobody else's comes within
 * `ownerMarginMs` of it. Whatever is doubtful belongs to nobody until somebody decides.
 */
export const ownerBy =
  (evidence: Evidence): OwnerOf =>
  (interval) => {
    const skewMs = evidence.skewMs ?? (evidence.isClockSynced ? 0 : null)
    const { endSkewMs = skewMs } = evidence
    const nobody = { endUserId: null, bindingId: null, skewMs }
    if (skewMs === null || endSkewMs === null)
      return { ...nobody, quarantineReason: 'clock_unknown' }
    const found = judged(evidence, corrected(interval, { from: skewMs, to: endSkewMs }))
    if (typeof found === 'string') return { ...nobody, quarantineReason: found }
    const { endUserId, bindingId } = found
    return { endUserId, bindingId, skewMs, quarantineReason: null }
  }

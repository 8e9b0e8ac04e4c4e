import { bootsRememberedMax, seqWindowMax } from './limits.ts'
import type { Boot } from './payloads.ts'

/**
 * What is remembered of a device's numbering, so that a retransmission counts once: the current boot, its highest
 * sequence number, and which of the numbers right below it were met. JSON as it stands.
 */
export type BootWindow = {
  readonly boot: Boot | null
  readonly high: number
  /** Bit i: `high − i` was met. Hex of `seqWindowMax` bits at most. */
  readonly seen: string
  /** Boots before the current one, newest last. */
  readonly before: readonly Boot[]
}

export const initialWindow: BootWindow = { boot: null, high: -1, seen: '0', before: [] }

/**
 * `newest`: past everything that was met. `late`: in the window, and not met yet. `repeat`: met. `older-boot`: of an earlier
 * power-on. `below-window`: too far back to tell. Only `newest` moves a device's row.
 */
export type Verdict = 'newest' | 'late' | 'repeat' | 'older-boot' | 'below-window'

export type Met = { readonly window: BootWindow; readonly verdict: Verdict }

const mask = (1n << BigInt(seqWindowMax)) - 1n
const bitsOf = (seen: string): bigint => BigInt(`0x${seen}`)

const nextBoot = (window: BootWindow, boot: Boot, seq: number): BootWindow => ({
  boot,
  high: seq,
  seen: '1',
  before: window.boot === null ? [] : [...window.before, window.boot].slice(-bootsRememberedMax),
})

/** A heartbeat or boot with these numbers is met. */
export const meet = (window: BootWindow, boot: Boot, seq: number): Met => {
  if (window.boot !== boot) {
    // A boot that was not seen replaces, even a lower counter: a device may have lost its memory.
    if (window.before.includes(boot)) return { window, verdict: 'older-boot' }
    return { window: nextBoot(window, boot, seq), verdict: 'newest' }
  }
  const ahead = seq - window.high
  if (ahead > 0) {
    const shifted = ahead >= seqWindowMax ? 0n : (bitsOf(window.seen) << BigInt(ahead)) & mask
    return {
      window: { ...window, high: seq, seen: (shifted | 1n).toString(16) },
      verdict: 'newest',
    }
  }
  if (-ahead >= seqWindowMax) return { window, verdict: 'below-window' }
  const bit = 1n << BigInt(-ahead)
  const seen = bitsOf(window.seen)
  if ((seen & bit) !== 0n) return { window, verdict: 'repeat' }
  return { window: { ...window, seen: (seen | bit).toString(16) }, verdict: 'late' }
}

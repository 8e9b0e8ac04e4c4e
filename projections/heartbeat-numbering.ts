import type { BootWindow } from '../protocol/boot-window.ts'
import { heartbeatBootsMax } from '../protocol/limits.ts'
import { WindowTracker } from '../protocol/window-tracker.ts'

const dayMs = 86_400_000

/** As it is kept in a run: a window a boot, the newest boot last, and when the last of them was received (milliseconds). */
export type KeptNumbering = { readonly boots: readonly BootWindow[]; readonly lastMs: number }

/**
 * Which numbers of a device the history has met: unlike the fold of the device's row it tells a retransmission of an earlier boot, too. A
 * device of which nothing was kept for more than a day begins anew, so that no more than a day is ever looked back; a repeat changes
 * nothing, so that the same are kept however the log is cut into batches.
 */
export class HeartbeatNumbering {
  readonly #boots: Map<string, WindowTracker>
  #lastMs: number

  constructor(kept: KeptNumbering = { boots: [], lastMs: 0 }) {
    this.#boots = new Map(
      kept.boots.flatMap((window) =>
        window.boot === null ? [] : [[String(window.boot), new WindowTracker(window)]],
      ),
    )
    this.#lastMs = kept.lastMs
  }

  /** Whether a heartbeat with these numbers, received then, is one that was met before. `boot` is any text that names it. */
  isRepeat(boot: string, seq: number, receivedMs: number): boolean {
    if (receivedMs - this.#lastMs > dayMs) this.#boots.clear()
    if (this.#windowOf(boot).meet(boot, seq) === 'repeat') return true
    this.#lastMs = Math.max(this.#lastMs, receivedMs)
    return false
  }

  #windowOf(boot: string): WindowTracker {
    const known = this.#boots.get(boot)
    if (known) return known
    const [oldest] = this.#boots.size >= heartbeatBootsMax ? this.#boots.keys() : []
    if (oldest !== undefined) this.#boots.delete(oldest)
    const window = new WindowTracker()
    this.#boots.set(boot, window)
    return window
  }

  /** `null` while no number was met. */
  value(): KeptNumbering | null {
    if (this.#boots.size === 0) return null
    return {
      boots: [...this.#boots.values()].map((window) => window.value()),
      lastMs: this.#lastMs,
    }
  }
}

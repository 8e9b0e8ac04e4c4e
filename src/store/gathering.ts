import {
  busySlotEntriesMin,
  busySlotMs,
  commitGapMs,
  gatherEntriesMin,
  gatherMsMax,
} from '../../protocol/limits.ts'

/** What comes in over all shards of a node. */
export class Traffic {
  #slot = 0
  #entries = 0
  #before = 0

  met(ms: number): void {
    this.#turn(ms)
    this.#entries += 1
  }

  isBusy(ms: number): boolean {
    this.#turn(ms)
    return Math.max(this.#entries, this.#before) >= busySlotEntriesMin
  }

  #turn(ms: number): void {
    const slot = Math.floor(ms / busySlotMs)
    if (slot === this.#slot) return
    this.#before = slot === this.#slot + 1 ? this.#entries : 0
    this.#entries = 0
    this.#slot = slot
  }
}

/**
 * What one shard waits for before it commits. A commit costs much the same whatever is in it: while a node is busy, a shard that few
 * wait for begins one every `commitGapMs`; and whoever was just answered sends again at once, so that a commit that waits for them is
 * one instead of two, and so is the write that answers each of them. A few at a time on a quiet node never wait.
 */
export class Gathering {
  readonly #monotonic: () => number
  readonly #traffic: Traffic
  #open: { readonly enough: number; readonly end: () => void } | undefined
  #begunMs = Number.NEGATIVE_INFINITY

  constructor(monotonic: () => number, traffic = new Traffic()) {
    this.#monotonic = monotonic
    this.#traffic = traffic
  }

  /** After a commit: until as many wait as did and as were answered, or `most`; no longer than `gatherMsMax`. */
  async answered(count: number, waiting: number, most: number): Promise<void> {
    const enough = Math.min(most, waiting + count)
    if (count >= gatherEntriesMin && waiting < enough) await this.#until(enough, gatherMsMax)
  }

  /** Before a commit; says whether it waited, since much may have changed then. */
  async begin(waiting: number): Promise<boolean> {
    const ms = this.#monotonic()
    const leftMs = this.#begunMs + commitGapMs - ms
    if (leftMs >= 1 && waiting < gatherEntriesMin && this.#traffic.isBusy(ms)) {
      await this.#until(gatherEntriesMin, leftMs)
      return true
    }
    this.#begunMs = ms
    return false
  }

  /** That many wait now, one more than before. */
  met(waiting: number, ms: number): void {
    this.#traffic.met(ms)
    if (this.#open && waiting >= this.#open.enough) this.#open.end()
  }

  async #until(enough: number, ms: number): Promise<void> {
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, ms)
      const end = () => {
        clearTimeout(timer)
        resolve()
      }
      this.#open = { enough, end }
    })
    this.#open = undefined
  }
}

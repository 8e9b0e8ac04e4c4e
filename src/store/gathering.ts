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
 * wait for begins one every `commitGapMs`, and all of them at the same time, so that the store makes one of theirs; and whoever was just answered sends again at once, so that a commit that waits for them is
 * one instead of two, and so is the write that answers each of them. A few at a time on a quiet node never wait.
 */
export class Gathering {
  readonly #monotonic: () => number
  readonly #traffic: Traffic
  #open: { readonly enough: number; readonly end: () => void } | undefined
  /** Of `commitGapMs`, in which the last commit began. */
  #slot = -1

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
    const slot = Math.floor(ms / commitGapMs)
    const leftMs = (slot + 1) * commitGapMs - ms
    const isEarly = slot === this.#slot && leftMs >= 1
    if (isEarly && waiting < gatherEntriesMin && this.#traffic.isBusy(ms)) {
      await this.#until(gatherEntriesMin, leftMs)
      return true
    }
    this.#slot = slot
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

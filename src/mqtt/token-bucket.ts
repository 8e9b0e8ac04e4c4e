/** A bucket that may go into debt: who is over the rate is told how long to wait, and nothing is dropped. */
export class TokenBucket {
  readonly #perSecond: () => number
  readonly #burst: (perSecond: number) => number
  #tokens: number
  #at: number

  /** The rate may change between two calls; `burst` is what may be taken at once. */
  constructor(
    perSecond: () => number,
    { burst, nowMs }: { burst: (perSecond: number) => number; nowMs: number },
  ) {
    this.#perSecond = perSecond
    this.#burst = burst
    this.#tokens = burst(perSecond())
    this.#at = nowMs
  }

  /** Takes one; the milliseconds until it was earned, 0 when it already is. A rate of 0 is no limit. */
  take(nowMs: number): number {
    const perSecond = this.#perSecond()
    if (perSecond === 0) return 0
    const earned = ((nowMs - this.#at) / 1_000) * perSecond
    this.#tokens = Math.min(this.#burst(perSecond), this.#tokens + earned) - 1
    this.#at = nowMs
    return this.#tokens >= 0 ? 0 : (-this.#tokens / perSecond) * 1_000
  }

  /** What was taken and is not used after all: others do not wait for it. */
  giveBack(): void {
    this.#tokens += 1
  }
}

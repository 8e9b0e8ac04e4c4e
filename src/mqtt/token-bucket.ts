/** A bucket that may go into debt: who is over the rate is told how long to wait, and nothing is dropped. */
export class TokenBucket {
  readonly #perSecond: number
  readonly #burst: number
  #tokens: number
  #at: number

  constructor(perSecond: number, burst: number, nowMs: number) {
    this.#perSecond = perSecond
    this.#burst = burst
    this.#tokens = burst
    this.#at = nowMs
  }

  /** Takes one; the milliseconds until it was earned, 0 when it already is. A rate of 0 is no limit. */
  take(nowMs: number): number {
    if (this.#perSecond === 0) return 0
    const earned = ((nowMs - this.#at) / 1_000) * this.#perSecond
    this.#tokens = Math.min(this.#burst, this.#tokens + earned) - 1
    this.#at = nowMs
    return this.#tokens >= 0 ? 0 : (-this.#tokens / this.#perSecond) * 1_000
  }
}

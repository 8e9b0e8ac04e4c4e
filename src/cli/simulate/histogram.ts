const bucketsPerDoubling = 16
const smallest = 0.05

/** Quantiles of positive numbers in constant memory, each right to about 4 %. */
export class Histogram {
  readonly #buckets: number[] = []
  #count = 0
  #max = 0

  add(value: number): void {
    const at = Math.max(
      0,
      Math.round(Math.log2(Math.max(value, smallest) / smallest) * bucketsPerDoubling),
    )
    this.#buckets[at] = (this.#buckets[at] ?? 0) + 1
    this.#count += 1
    this.#max = Math.max(this.#max, value)
  }

  get count(): number {
    return this.#count
  }

  /** The value below which the share `q` lies; 0 of nothing. */
  quantile(q: number): number {
    let left = Math.ceil(this.#count * q)
    for (const [at, count] of this.#buckets.entries()) {
      left -= count ?? 0
      if (left <= 0 && (count ?? 0) > 0)
        return Math.min(this.#max, smallest * 2 ** (at / bucketsPerDoubling))
    }
    return this.#max
  }
}

/** After so many deletions at least, and as many as entries are left: the copies cost a fraction of what is saved. */
const deletionsMin = 32

/**
 * A map of what comes and goes: few entries at a time, many in all.
 *
 * A `Map` or `Set` of V8 makes another table whenever the places of its deleted entries fill the one it has, and the old table, which holds what
 * was in it then, points to the new one. Once a table stood through a full collection, every one after it, and whatever they
 * hold, outlives the young generation until the next: with a few entries at a time, nearly all. Here the map itself is another one after some
 * deletions, which nothing dead points to.
 */
export class ShortLived<Key, Value> {
  #entries = new Map<Key, Value>()
  #deletions = 0

  get size(): number {
    return this.#entries.size
  }

  has(key: Key): boolean {
    return this.#entries.has(key)
  }

  get(key: Key): Value | undefined {
    return this.#entries.get(key)
  }

  set(key: Key, value: Value): void {
    this.#entries.set(key, value)
  }

  delete(key: Key): boolean {
    const was = this.#entries.delete(key)
    if (was) this.#deletions += 1
    if (this.#deletions >= deletionsMin && this.#deletions >= this.#entries.size)
      this.#become(new Map(this.#entries))
    return was
  }

  clear(): void {
    this.#become(new Map())
  }

  /** As they are now, the oldest first. */
  keys(): readonly Key[] {
    return [...this.#entries.keys()]
  }

  values(): readonly Value[] {
    return [...this.#entries.values()]
  }

  entries(): readonly (readonly [Key, Value])[] {
    return [...this.#entries]
  }

  #become(entries: Map<Key, Value>): void {
    this.#entries = entries
    this.#deletions = 0
  }
}

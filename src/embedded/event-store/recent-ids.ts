import { eventStoreRecentIdsMax } from '../../../protocol/limits-embedded.ts'
import type { Written } from './check-append.ts'

/** The ids that were written last, over all streams: a ring, so that forgetting costs nothing. A restart forgets all. */
export class RecentIds {
  readonly #places = new Map<string, Written>()
  #ring: string[] = []
  #next = 0

  find(stream: string, id: string): Written | undefined {
    return this.#places.get(`${id}${stream}`)
  }

  /** An id that is written twice keeps its first place. */
  add(stream: string, id: string, written: Written): void {
    const key = `${id}${stream}`
    if (this.#places.has(key)) return
    const oldest = this.#ring[this.#next]
    if (oldest !== undefined) this.#places.delete(oldest)
    this.#ring[this.#next] = key
    this.#places.set(key, written)
    this.#next = (this.#next + 1) % eventStoreRecentIdsMax
  }

  forgetAll(): void {
    this.#places.clear()
    this.#ring = []
    this.#next = 0
  }
}

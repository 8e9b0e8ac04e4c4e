import {
  eventStoreTailBytesMax,
  eventStoreTailEventsMax,
} from '../../../protocol/limits-embedded.ts'
import type { StoredRow } from './stored.ts'

const bytesOf = ({ data, metadata, stream, type }: StoredRow): number =>
  data.length + metadata.length + stream.length + type.length

/** The events that were committed last, without a gap: live subscriptions are served from here, not from the disk. */
export class Tail {
  #rows: StoredRow[] = []
  #first = 0
  #bytes = 0
  /** All events behind this position are here. */
  #floor: number

  constructor(end: number) {
    this.#floor = end
  }

  push(rows: readonly StoredRow[]): void {
    for (const row of rows) {
      this.#rows.push(row)
      this.#bytes += bytesOf(row)
    }
    while (this.#isOver()) this.#dropFirst()
    // Moved only when half of it is empty, so that dropping costs nothing.
    if (this.#first * 2 > this.#rows.length) {
      this.#rows = this.#rows.slice(this.#first)
      this.#first = 0
    }
  }

  /** Forgets all: what stood there is no longer what the disk has. */
  clear(): void {
    this.#floor = this.#rows.at(-1)?.position ?? this.#floor
    this.#rows = []
    this.#first = 0
    this.#bytes = 0
  }

  /** Up to `count` events from a position on; `undefined` where the disk must be asked. */
  from(position: number, count: number): StoredRow[] | undefined {
    if (position <= this.#floor) return undefined
    const at = this.#search(position)
    return this.#rows.slice(at, at + count)
  }

  at(position: number): StoredRow | undefined {
    const row = position > this.#floor ? this.#rows[this.#search(position)] : undefined
    return row?.position === position ? row : undefined
  }

  #isOver(): boolean {
    const count = this.#rows.length - this.#first
    return count > eventStoreTailEventsMax || (this.#bytes > eventStoreTailBytesMax && count > 0)
  }

  #dropFirst(): void {
    const row = this.#rows[this.#first]
    this.#first += 1
    if (!row) return
    this.#bytes -= bytesOf(row)
    this.#floor = row.position
  }

  /** The index of the first event at or behind a position. */
  #search(position: number): number {
    let low = this.#first
    let high = this.#rows.length
    while (low < high) {
      const middle = (low + high) >>> 1
      if ((this.#rows[middle]?.position ?? position) < position) low = middle + 1
      else high = middle
    }
    return low
  }
}

/** How a message ended: `undefined` for "stored, acknowledge it", an error for "close, acknowledge nothing more". */
export type Completion = (error?: Error) => void

/** A message in its place in the queue of its client. */
export type Slot = {
  readonly ended: boolean
  readonly error: Error | undefined
  /** It is its turn. */
  readonly leave: () => void
}

const compactAfter = 64

/**
 * One queue of completions a client, whatever the kind of message: acknowledgements leave in the order in which the messages came
 * [MQTT-4.6.0-2]. After the first failure none leaves any more.
 */
export class Completions {
  /** Who has left is no longer held here: thousands of messages a second would outlive their time. */
  #slots: (Slot | undefined)[] = []
  #first = 0
  #failed = false

  /** Takes the next place. */
  add(slot: Slot): void {
    this.#slots.push(slot)
  }

  get waiting(): number {
    return this.#slots.length - this.#first
  }

  /** One of them has ended. */
  drain(): void {
    for (let slot = this.#slots[this.#first]; slot?.ended; slot = this.#slots[this.#first]) {
      this.#slots[this.#first] = undefined
      this.#first += 1
      if (this.#failed) continue
      this.#failed = slot.error !== undefined
      slot.leave()
    }
    // What has left goes in one piece, not one by one.
    if (this.#first < compactAfter) return
    this.#slots = this.#slots.slice(this.#first)
    this.#first = 0
  }
}

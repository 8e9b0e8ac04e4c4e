/** How a message ended: `undefined` for "stored, acknowledge it", an error for "close, acknowledge nothing more". */
export type Completion = (error?: Error) => void

const compactAfter = 64

type Slot = { readonly acknowledge: Completion; ended: boolean; error: Error | undefined }

/**
 * One queue of completions a client, whatever the kind of message: acknowledgements leave in the order in which the messages came
 * [MQTT-4.6.0-2]. After the first failure none leaves any more.
 */
export class Completions {
  #slots: Slot[] = []
  #first = 0
  #failed = false

  /** Takes the next place; the returned function ends it. */
  next(acknowledge: Completion): Completion {
    const slot: Slot = { acknowledge, ended: false, error: undefined }
    this.#slots.push(slot)
    return (error) => {
      if (slot.ended) return
      slot.ended = true
      slot.error = error
      this.#drain()
    }
  }

  get waiting(): number {
    return this.#slots.length - this.#first
  }

  #drain(): void {
    for (let slot = this.#slots[this.#first]; slot?.ended; slot = this.#slots[this.#first]) {
      this.#first += 1
      if (this.#failed) continue
      this.#failed = slot.error !== undefined
      slot.acknowledge(slot.error)
    }
    // What has left goes in one piece, not one by one.
    if (this.#first < compactAfter) return
    this.#slots = this.#slots.slice(this.#first)
    this.#first = 0
  }
}

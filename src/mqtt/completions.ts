/** How a message ended: `undefined` for "stored, acknowledge it", an error for "close, acknowledge nothing more". */
export type Completion = (error?: Error) => void

type Slot = { readonly acknowledge: Completion; ended: boolean; error: Error | undefined }

/**
 * One queue of completions a client, whatever the kind of message: acknowledgements leave in the order in which the messages came
 * [MQTT-4.6.0-2]. After the first failure none leaves any more.
 */
export class Completions {
  readonly #slots: Slot[] = []
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
    return this.#slots.length
  }

  #drain(): void {
    while (this.#slots[0]?.ended) {
      const slot = this.#slots.shift()
      if (!slot || this.#failed) continue
      this.#failed = slot.error !== undefined
      slot.acknowledge(slot.error)
    }
  }
}

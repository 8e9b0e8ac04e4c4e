import { mqttUnfinishedBytesMax } from '../../protocol/limits.ts'

/** One who may have sent the beginning of something; `giveUp` ends it. */
type Holder = { readonly giveUp: () => void }

/**
 * What all signed-in clients have sent of packets and WebSocket frames that are not whole yet. It cannot be read no further, or it
 * would never be whole: past the mark whoever has been at it longest is cut. An honest packet is whole within moments.
 */
export class Unfinished {
  /** The longest at it first: a `Map` keeps the place of what is set again. */
  readonly #held = new Map<Holder, number>()
  #bytes = 0

  get bytes(): number {
    return this.#bytes
  }

  /** Returns how to say how much is held now; 0 once there is nothing, and at the end. */
  holder(giveUp: () => void): (bytes: number) => void {
    const holder = { giveUp }
    return (bytes) => {
      this.#set(holder, bytes)
      for (const [longest] of this.#held) {
        if (this.#bytes <= mqttUnfinishedBytesMax) return
        this.#set(longest, 0)
        longest.giveUp()
      }
    }
  }

  #set(holder: Holder, bytes: number): void {
    this.#bytes += bytes - (this.#held.get(holder) ?? 0)
    if (bytes === 0) this.#held.delete(holder)
    else this.#held.set(holder, bytes)
  }
}

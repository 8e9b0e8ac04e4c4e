import { gatherEntriesMin, gatherMsMax } from '../../protocol/limits.ts'

/**
 * Under load whoever was just answered sends again at once: a commit that waits for them is one instead of two, and so is the write that
 * answers each of them. A few at a time never wait.
 */
export class Gathering {
  #open: { readonly enough: number; readonly end: () => void } | undefined

  /** Until as many wait as did and as were answered, or `most`; no longer than `gatherMsMax`. */
  async wait(answered: number, waiting: number, most: number): Promise<void> {
    const enough = Math.min(most, waiting + answered)
    if (answered < gatherEntriesMin || waiting >= enough) return
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, gatherMsMax)
      const end = () => {
        clearTimeout(timer)
        resolve()
      }
      this.#open = { enough, end }
    })
    this.#open = undefined
  }

  /** That many wait now. */
  met(waiting: number): void {
    if (this.#open && waiting >= this.#open.enough) this.#open.end()
  }
}

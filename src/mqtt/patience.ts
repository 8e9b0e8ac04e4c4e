/**
 * Ends whatever stays longer than `msMax`. All may stay equally long, so that one timer is enough: for the one that has been there
 * longest.
 */
export class Patience<Guest extends object> {
  readonly #msMax: number
  readonly #end: (guest: Guest) => void
  /** Since when, the longest first. */
  readonly #since = new Map<Guest, number>()
  #timer: NodeJS.Timeout | undefined

  constructor(msMax: number, end: (guest: Guest) => void) {
    this.#msMax = msMax
    this.#end = end
  }

  wait(guest: Guest): void {
    this.#since.set(guest, performance.now())
    this.#timer ??= setTimeout(() => this.#look(), this.#msMax)
  }

  /** It came, or it left. */
  release(guest: Guest): void {
    this.#since.delete(guest)
  }

  /** Until the next is due; with nobody there no timer is kept. */
  #look(): void {
    this.#timer = undefined
    const due = performance.now() - this.#msMax
    for (const [guest, since] of this.#since) {
      if (since > due) {
        this.#timer = setTimeout(() => this.#look(), since - due)
        return
      }
      this.#since.delete(guest)
      this.#end(guest)
    }
  }
}

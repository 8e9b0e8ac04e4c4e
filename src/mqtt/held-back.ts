type Waiting = { readonly dueMs: number; readonly go: () => void }

/**
 * What one client sent over a rate, until its turn. It goes in the order in which it came: of two timers the later one may end first,
 * and what comes when nothing is owed any more must not overtake what still waits.
 */
export class HeldBack {
  readonly #monotonic: () => number
  #waiting: Waiting[] = []
  #timer: NodeJS.Timeout | undefined

  constructor(monotonic: () => number) {
    this.#monotonic = monotonic
  }

  get isEmpty(): boolean {
    return this.#waiting.length === 0
  }

  add(dueMs: number, go: () => void): void {
    this.#waiting.push({ dueMs, go })
    this.#arm()
  }

  #arm(): void {
    const [first] = this.#waiting
    if (!first) return
    const waitMs = Math.max(0, first.dueMs - this.#monotonic())
    this.#timer ??= setTimeout(() => this.#look(), waitMs)
  }

  #look(): void {
    this.#timer = undefined
    const nowMs = this.#monotonic()
    for (let [first] = this.#waiting; first && first.dueMs <= nowMs; [first] = this.#waiting) {
      this.#waiting.shift()
      first.go()
    }
    this.#arm()
  }
}

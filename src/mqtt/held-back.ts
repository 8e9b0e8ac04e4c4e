import { mqttHeldBackTickMs } from '../../protocol/limits.ts'

type Waiting = { readonly dueMs: number; readonly go: () => void }

/**
 * What one client sent over a rate, until its turn. It goes in the order in which it came: of two timers the later one may end first,
 * and what comes when nothing is owed any more must not overtake what still waits. The turns of all clients are at the same ticks: what
 * goes at once shares its commits and its folds, and so who is over a rate takes no more from others than who is not.
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
    const tick = Math.ceil(dueMs / mqttHeldBackTickMs)
    this.#waiting.push({ dueMs: tick * mqttHeldBackTickMs, go })
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

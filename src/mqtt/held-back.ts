import { mqttHeldBackSliceMsMax, mqttHeldBackTickMs } from '../../protocol/limits.ts'
import { ShortLived } from '../../protocol/short-lived.ts'

/**
 * When what is held back goes: at ticks that all clients share, so that what goes at once shares its commits and its folds. However much
 * that is, it goes in slices, and what others send is met between two of them.
 */
export class Ticks {
  readonly monotonic: () => number
  readonly #due = new ShortLived<number, (() => void)[]>()
  #next = Number.POSITIVE_INFINITY
  #timer: NodeJS.Timeout | undefined
  #going: (() => void)[] = []

  constructor(monotonic: () => number) {
    this.monotonic = monotonic
  }

  /** At the first tick that is no earlier. */
  at(dueMs: number, go: () => void): void {
    const tick = Math.ceil(dueMs / mqttHeldBackTickMs)
    const others = this.#due.get(tick)
    if (others) others.push(go)
    else this.#due.set(tick, [go])
    if (tick < this.#next) this.#wait(tick)
  }

  #wait(tick: number): void {
    clearTimeout(this.#timer)
    this.#next = tick
    if (tick === Number.POSITIVE_INFINITY) return
    const waitMs = Math.max(0, tick * mqttHeldBackTickMs - this.monotonic())
    this.#timer = setTimeout(() => this.#come(), waitMs)
  }

  #come(): void {
    const now = Math.floor(this.monotonic() / mqttHeldBackTickMs)
    const come = this.#due
      .keys()
      .filter((tick) => tick <= now)
      .sort((a, b) => a - b)
    const isGoing = this.#going.length > 0
    for (const tick of come) {
      this.#going.push(...(this.#due.get(tick) ?? []))
      this.#due.delete(tick)
    }
    this.#wait(Math.min(...this.#due.keys()))
    if (!isGoing) this.#slice()
  }

  #slice(): void {
    const until = this.monotonic() + mqttHeldBackSliceMsMax
    let gone = 0
    for (const go of this.#going) {
      go()
      gone += 1
      if (this.monotonic() >= until) break
    }
    this.#going = this.#going.slice(gone)
    if (this.#going.length > 0) setImmediate(() => this.#slice())
  }
}

type Waiting = { readonly dueMs: number; readonly go: () => void }

/**
 * What one client sent over a rate, until its turn. It goes in the order in which it came: what comes when nothing is owed any more must
 * not overtake what still waits.
 */
export class HeldBack {
  readonly #ticks: Ticks
  #waiting: Waiting[] = []
  #isArmed = false

  constructor(ticks: Ticks) {
    this.#ticks = ticks
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
    if (!first || this.#isArmed) return
    this.#isArmed = true
    this.#ticks.at(first.dueMs, () => this.#look())
  }

  #look(): void {
    this.#isArmed = false
    const nowMs = this.#ticks.monotonic()
    for (let [first] = this.#waiting; first && first.dueMs <= nowMs; [first] = this.#waiting) {
      this.#waiting.shift()
      first.go()
    }
    this.#arm()
  }
}

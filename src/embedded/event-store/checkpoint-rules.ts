/**
 * Where a filtered subscription has its checkpoints, as EventStoreDB 24.2 was seen to place them.
 *
 * Catching up it works in windows of `window` events, the first of which begins with the event at the given
 * position itself. After every `interval` full windows there is one at the window's last match or, when nothing
 * matched, at its first event. Before `caughtUp` one more follows a match that has none, or stands at the very
 * first event when there was none at all and more than that one event was considered.
 */
export class CatchUpCheckpoints {
  readonly #window: number
  readonly #interval: number
  #considered = 0
  #inWindow = 0
  #windows = 0
  #windowFirst = 0
  #windowMatch: number | undefined
  #current: number | undefined
  #sent: number | undefined

  constructor(window: number, interval: number) {
    this.#window = window
    this.#interval = interval
  }

  /** The checkpoint that is due behind this event, if any. */
  consider(position: number, matches: boolean): number | undefined {
    this.#considered += 1
    this.#current ??= position
    if (this.#inWindow === 0) {
      this.#windowFirst = position
      this.#windowMatch = undefined
    }
    this.#inWindow += 1
    if (matches) {
      this.#windowMatch = position
      this.#current = position
    }
    if (this.#inWindow < this.#window) return undefined
    this.#inWindow = 0
    this.#windows = (this.#windows + 1) % this.#interval
    return this.#windows === 0 ? this.#send(this.#windowMatch ?? this.#windowFirst) : undefined
  }

  /** The checkpoint that is due when the end is reached, if any. */
  end(): number | undefined {
    if (this.#current === undefined || this.#considered < 2 || this.#sent === this.#current)
      return undefined
    return this.#send(this.#current)
  }

  #send(position: number): number {
    this.#current = position
    this.#sent = position
    return position
  }
}

/** Live, every so many events, window × interval, one has a checkpoint, counted from going live. */
export const liveCheckpoints = (every: number) => {
  let considered = 0
  return (position: number): number | undefined => {
    considered = (considered + 1) % every
    return considered === 0 ? position : undefined
  }
}

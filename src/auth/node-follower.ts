import { setTimeout as delay } from 'node:timers/promises'
import { resubscribeDelayMsMax } from '../../protocol/limits.ts'
import type { EventStore, Followed, Position, Subscription } from '../store/event-store.ts'
import type { Log } from '../store/log.ts'
import { nodeFollowerPrefixes } from '../store/streams.ts'
import { type FollowedEvent, followedEvent } from './followed-event.ts'

export type NodeFollower = {
  /** Up to where the log was followed. */
  readonly position: () => Position | 'start'
  /** Whether the position was reached within the time. */
  readonly reached: (position: Position, msMax: number) => Promise<boolean>
  /** Why nothing is followed at present, if that is so. */
  readonly failure: () => string | undefined
  /** Subscribes anew from where it stands, when nothing comes any more. */
  readonly restart: () => void
  readonly close: () => Promise<void>
}

type Deps = {
  readonly store: Pick<EventStore, 'subscribe'>
  readonly from: Position | 'start'
  /** One event of the log, in its order, each once. Synchronous: what it registers is there before the next one. */
  readonly onEvent: (event: FollowedEvent) => void
  /** After the event at that position, or where none is. */
  readonly onPosition: (position: Position) => void
  readonly log: Log
}

const resubscribeDelayFirstMs = 50

type Waiter = { readonly position: Position; readonly resolve: (reached: true) => void }

class Follower implements NodeFollower {
  readonly #deps: Deps
  readonly #ended: Promise<void>
  #position: Position | 'start'
  #subscription: Subscription | undefined
  #failure: string | undefined
  #closed = false
  #waiters: Waiter[] = []

  constructor(deps: Deps) {
    this.#deps = deps
    this.#position = deps.from
    this.#ended = this.#run()
  }

  position(): Position | 'start' {
    return this.#position
  }

  failure(): string | undefined {
    return this.#failure
  }

  restart(): void {
    void this.#subscription?.close()
  }

  async close(): Promise<void> {
    this.#closed = true
    await this.#subscription?.close()
    await this.#ended
  }

  reached(position: Position, msMax: number): Promise<boolean> {
    if (this.#isPast(position)) return Promise.resolve(true)
    return new Promise((resolve) => {
      const waiter = { position, resolve }
      const timer = setTimeout(() => {
        this.#waiters = this.#waiters.filter((one) => one.resolve !== settle)
        resolve(false)
      }, msMax)
      const settle = (): void => {
        clearTimeout(timer)
        resolve(true)
      }
      this.#waiters.push({ ...waiter, resolve: settle })
    })
  }

  #isPast(position: Position): boolean {
    return this.#position !== 'start' && this.#position >= position
  }

  async #run(): Promise<void> {
    let delayMs = resubscribeDelayFirstMs
    while (!this.#closed) {
      const before = this.#position
      await this.#follow()
      if (this.#closed) return
      delayMs = before === this.#position ? Math.min(2 * delayMs, resubscribeDelayMsMax) : 50
      await delay(delayMs)
    }
  }

  async #follow(): Promise<void> {
    const { store, log } = this.#deps
    this.#subscription = store.subscribe({ prefixes: nodeFollowerPrefixes, from: this.#position })
    try {
      for await (const items of this.#subscription) for (const item of items) this.#take(item)
    } catch (error) {
      this.#failure = error instanceof Error ? error.message : String(error)
      log.error({ error, position: String(this.#position) }, 'the node follower has to start again')
    } finally {
      await this.#subscription.close()
    }
  }

  #take(item: Followed): void {
    if (item.kind === 'caught-up') return
    if (item.kind === 'event') {
      const { position } = item.event
      // After a resubscription the store may repeat what stands at the position itself.
      if (this.#isPast(position)) return
      this.#deps.onEvent(followedEvent(item.event))
      this.#moveTo(position)
    } else if (!this.#isPast(item.position)) this.#moveTo(item.position)
    this.#failure = undefined
  }

  #moveTo(position: Position): void {
    this.#position = position
    this.#deps.onPosition(position)
    if (this.#waiters.length === 0) return
    const reached = this.#waiters.filter((waiter) => waiter.position <= position)
    this.#waiters = this.#waiters.filter((waiter) => waiter.position > position)
    for (const { resolve } of reached) resolve(true)
  }
}

/** One subscription a node, from the checkpoint of the credentials' projections on, that starts again by itself. */
export const startNodeFollower = (deps: Deps): NodeFollower => new Follower(deps)

import {
  type AllStreamResolvedEvent,
  type AllStreamSubscription,
  type EventStoreDBClient,
  type ResolvedEvent,
  START,
  streamNameFilter,
} from '@eventstore/db-client'
import { bufferedEventsMax, followedItemsMax } from '../../protocol/limits.ts'
import {
  type Followed,
  type Position,
  type StoredEvent,
  StoreUnavailable,
  type Subscription,
} from './event-store.ts'

export const unavailable = (what: string, cause: unknown): StoreUnavailable =>
  new StoreUnavailable(`${what}: the event store is not available`, { cause })

export const storedOf = ({
  event,
  commitPosition,
}: ResolvedEvent | AllStreamResolvedEvent): StoredEvent | undefined =>
  event && {
    id: event.id,
    type: event.type,
    stream: event.streamId,
    revision: Number(event.revision),
    position: event.position?.commit ?? commitPosition ?? 0n,
    createdMs: event.created.getTime(),
    data: event.data,
    metadata: event.metadata,
  }

type Marker = { readonly after: number; readonly item: Followed }

/**
 * The client hands events out through a queue, but calls back for checkpoints and `caughtUp` when they arrive, ahead of
 * the events that still wait. Each such marker is put back into its place by counting.
 */
class Ordered {
  readonly #subscription: AllStreamSubscription
  readonly #markers: Marker[] = []
  #taken = 0
  #failure: unknown
  #closed = false
  #wake: () => void = () => {}

  constructor(connect: (onCheckpoint: (position: Position) => void) => AllStreamSubscription) {
    this.#subscription = connect((position) => this.#mark({ kind: 'checkpoint', position }))
    this.#subscription
      .on('caughtUp', () => this.#mark({ kind: 'caught-up' }))
      .on('readable', () => this.#wake())
      .on('error', (error) => this.#fail(error))
      .on('end', () => this.#fail(new Error('ended by the server')))
      .on('close', () => this.#fail(new Error('closed')))
  }

  #mark(item: Followed): void {
    this.#markers.push({ after: this.#taken + this.#subscription.readableLength, item })
    this.#wake()
  }

  #fail(error: unknown): void {
    this.#failure ??= error
    this.#wake()
  }

  #takeMarkers(items: Followed[]): void {
    for (let next = this.#markers[0]; next && next.after <= this.#taken; next = this.#markers[0]) {
      items.push(next.item)
      this.#markers.shift()
    }
  }

  #takeEvent(items: Followed[]): boolean {
    const resolved: AllStreamResolvedEvent | null = this.#subscription.read()
    if (resolved === null) return false
    this.#taken += 1
    const event = storedOf(resolved)
    if (event) items.push({ kind: 'event', event })
    return true
  }

  #take(): Followed[] {
    const items: Followed[] = []
    do this.#takeMarkers(items)
    while (items.length < followedItemsMax && this.#takeEvent(items))
    return items
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<readonly Followed[]> {
    for (;;) {
      const woken = new Promise<void>((resolve) => {
        this.#wake = resolve
      })
      const items = this.#closed ? [] : this.#take()
      if (items.length > 0) yield items
      else if (this.#closed) return
      else if (this.#failure !== undefined) throw unavailable('subscription', this.#failure)
      else await woken
    }
  }

  async close(): Promise<void> {
    this.#closed = true
    this.#wake()
    await this.#subscription.unsubscribe().catch(() => {})
  }
}

// A filter that rarely matches is told how far it has come every so many events.
const searchWindowEvents = 500

/** Everything in streams with one of the prefixes after `from`, with checkpoints. */
export const subscribeToLog = (
  client: EventStoreDBClient,
  prefixes: readonly string[],
  from: Position | 'start',
): Subscription =>
  new Ordered((onCheckpoint) =>
    client.subscribeToAll(
      {
        fromPosition: from === 'start' ? START : { commit: from, prepare: from },
        filter: streamNameFilter({
          prefixes: [...prefixes],
          maxSearchWindow: searchWindowEvents,
          checkpointInterval: 1,
          checkpointReached: async (_subscription, position) => onCheckpoint(position.commit),
        }),
      },
      { highWaterMark: bufferedEventsMax },
    ),
  )

import { setImmediate as turn } from 'node:timers/promises'
import type { EventStoreDBClient } from '@eventstore/db-client'
import shared from '@eventstore/db-client/generated/shared_pb.js'
import type { ReadReq } from '@eventstore/db-client/generated/streams_pb.js'
import streams from '@eventstore/db-client/generated/streams_pb.js'
import { followedBytesMax, followedItemsMax } from '../../protocol/limits.ts'
import type { Followed, Position, Subscription } from './event-store.ts'
import { type Received, type Responses, respond, unavailable } from './responses.ts'

/** What the log brings, taken as it is asked for. */
class Following {
  readonly #responses: Promise<Responses>
  #stream: Responses | undefined
  /** What came since it was asked last, and its size. */
  #items: Followed[] = []
  #bytes = 0
  #failure: unknown
  #closed = false
  #wake: () => void = () => {}

  constructor(responses: Promise<Responses>) {
    this.#responses = responses
    responses.then(
      (stream) => this.#begin(stream),
      (error) => this.#fail(error),
    )
  }

  #begin(stream: Responses): void {
    this.#stream = stream
    stream
      .on('data', (received: Received) => this.#receive(received))
      .on('error', (error) => this.#fail(error))
      .on('end', () => this.#fail(new Error('ended by the server')))
      .on('close', () => this.#fail(new Error('closed')))
  }

  #receive({ followed, bytes }: Received): void {
    if (!followed || this.#closed) return
    this.#items.push(followed)
    this.#bytes += bytes
    if (this.#items.length >= followedItemsMax || this.#bytes >= followedBytesMax)
      this.#stream?.pause()
    if (this.#items.length === 1) this.#wake()
  }

  #fail(error: unknown): void {
    this.#failure ??= error
    this.#wake()
  }

  #take(): readonly Followed[] {
    const items = this.#items
    this.#items = []
    this.#bytes = 0
    if (this.#stream?.isPaused()) this.#stream.resume()
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
      else {
        await woken
        // What one append wrote, or one packet brought, is there after this turn: it is met in one go.
        await turn()
      }
    }
  }

  async close(): Promise<void> {
    this.#closed = true
    this.#wake()
    const stream = await this.#responses.catch(() => undefined)
    // Within its own events the call cannot be ended (github.com/grpc/grpc-node/issues/1652).
    setImmediate(() => stream?.cancel())
  }
}

// A filter that rarely matches is told how far it has come every so many events.
const searchWindowEvents = 500

const requestOf = (prefixes: readonly string[], from: Position | 'start'): ReadReq => {
  const { Options } = streams.ReadReq
  const all = new Options.AllOptions()
  if (from === 'start') all.setStart(new shared.Empty())
  else {
    const place = new Options.Position()
    all.setPosition(place.setCommitPosition(`${from}`).setPreparePosition(`${from}`))
  }
  const names = new Options.FilterOptions.Expression().setPrefixList([...prefixes])
  const filter = new Options.FilterOptions()
    .setStreamIdentifier(names)
    .setMax(searchWindowEvents)
    .setCheckpointintervalmultiplier(1)
  const options = new Options()
    .setAll(all)
    .setResolveLinks(false)
    .setSubscription(new Options.SubscriptionOptions())
    .setUuidOption(new Options.UUIDOption().setString(new shared.Empty()))
    .setFilter(filter)
  return new streams.ReadReq().setOptions(options)
}

/** Everything in streams with one of the prefixes after `from`, with checkpoints. */
export const subscribeToLog = (
  client: EventStoreDBClient,
  prefixes: readonly string[],
  from: Position | 'start',
): Subscription => new Following(respond(client, 'subscribeToAll', requestOf(prefixes, from)))

import type { Readable } from 'node:stream'
import { setImmediate as turn } from 'node:timers/promises'
import type { EventStoreDBClient, ResolvedEvent } from '@eventstore/db-client'
import shared from '@eventstore/db-client/generated/shared_pb.js'
import type { StreamsClient } from '@eventstore/db-client/generated/streams_grpc_pb.js'
import streamsService from '@eventstore/db-client/generated/streams_grpc_pb.js'
import type { ReadReq } from '@eventstore/db-client/generated/streams_pb.js'
import streams from '@eventstore/db-client/generated/streams_pb.js'
import { followedItemsMax } from '../../protocol/limits.ts'
import {
  type Followed,
  type Position,
  type StoredEvent,
  StoreUnavailable,
  type Subscription,
} from './event-store.ts'
import { followedIn } from './read-response.ts'

export const unavailable = (what: string, cause: unknown): StoreUnavailable =>
  new StoreUnavailable(`${what}: the event store is not available`, { cause })

export const storedOf = ({ event, commitPosition }: ResolvedEvent): StoredEvent | undefined =>
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

// A stream hands out no `undefined`.
type Received = { readonly followed: Followed | undefined }
type Responses = Readable & { readonly cancel: () => void }

/** What the client keeps for those who extend it: a call on its own connection, with its credentials. Its own `subscribeToAll` is this one. */
type Calling = {
  readonly GRPCStreamCreator: (
    service: typeof StreamsClient,
    name: string,
    call: (client: StreamsClient) => Responses,
  ) => () => Promise<Responses>
  readonly callArguments: (
    base: object,
    options: { readonly deadline: number },
  ) => Required<Parameters<StreamsClient['batchAppend']>>
}

const { path, requestSerialize } = streamsService.StreamsService.read

const receive = (bytes: Buffer): Received => ({ followed: followedIn(bytes) })

const respond = (client: EventStoreDBClient, request: ReadReq): Promise<Responses> => {
  const calling = client as unknown as Calling
  const call = (on: StreamsClient): Responses => {
    const [metadata, options] = calling.callArguments({}, { deadline: Number.POSITIVE_INFINITY })
    return on.makeServerStreamRequest(path, requestSerialize, receive, request, metadata, options)
  }
  return calling.GRPCStreamCreator(streamsService.StreamsClient, 'subscribeToAll', call)()
}

/** What the log brings, taken as it is asked for. */
class Following {
  readonly #responses: Promise<Responses>
  #stream: Responses | undefined
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
      .on('readable', () => this.#wake())
      .on('error', (error) => this.#fail(error))
      .on('end', () => this.#fail(new Error('ended by the server')))
      .on('close', () => this.#fail(new Error('closed')))
    this.#wake()
  }

  #fail(error: unknown): void {
    this.#failure ??= error
    this.#wake()
  }

  #take(): Followed[] {
    const items: Followed[] = []
    while (items.length < followedItemsMax) {
      const received: Received | null = this.#stream?.read() ?? null
      if (!received) break
      if (received.followed) items.push(received.followed)
    }
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
): Subscription => new Following(respond(client, requestOf(prefixes, from)))

import { randomUUID } from 'node:crypto'
import { setTimeout as delay } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import {
  type AllStreamSubscription,
  type AppendToStreamOptions,
  EventStoreDBClient,
  jsonEvent,
  NO_STREAM,
  type ResolvedEvent,
  START,
  type StreamSubscription,
  type SubscribeToAllOptions,
  streamNameFilter,
} from '@eventstore/db-client'
import { temporaryFolder } from '../support/temporary-folder.ts'
import { until } from '../support/until.ts'
import { run } from './running.ts'

// `node test/event-store/standstill.ts [seconds]`: SIGSTOP under writers and subscribers, SIGCONT after so many seconds. Past
// 20 s the client gives its connection up (its keep-alive), so that every writer repeats and every subscriber comes back.

export type Stood = {
  readonly seconds: number
  readonly acknowledged: number
  /** Appends that were sent again, and subscriptions that were begun again. */
  readonly repeated: number
  readonly resubscribed: number
  /** Streams of which the log, or a subscriber, has too much, too little, or in another order than it was acknowledged. */
  readonly wrongInLog: readonly string[]
  readonly wrongAtSubscribers: readonly string[]
}

const writersMax = 16
const runMs = 1_000
const retryMs = 50

type Writer = { readonly stream: string; readonly ids: string[]; repeated: number }

/** Appends one event after the other, each until it is acknowledged; every fourth writer leaves the revision open. */
const write = async (client: EventStoreDBClient, writer: Writer, goOn: () => boolean) => {
  const { stream, ids } = writer
  const isExact = Number(stream.slice(1)) % 4 !== 0
  while (goOn()) {
    const event = jsonEvent({ id: randomUUID(), type: 'a', data: {} })
    const next = ids.length === 0 ? NO_STREAM : BigInt(ids.length - 1)
    const options: AppendToStreamOptions = isExact ? { expectedRevision: next } : {}
    while (!(await client.appendToStream(stream, event, options).catch(() => undefined))) {
      writer.repeated += 1
      await delay(retryMs)
    }
    ids.push(event.id)
  }
}

type Subscription = AllStreamSubscription | StreamSubscription
type Place = NonNullable<ResolvedEvent['event']>

/** Follows the log, and comes back behind what it saw last. */
class Subscriber {
  readonly name: string
  readonly seen = new Map<string, string[]>()
  begun = 0
  readonly #begin: (last: Place | undefined) => Subscription
  #current: Subscription | undefined
  #last: Place | undefined
  #isOver = false

  constructor(name: string, begin: (last: Place | undefined) => Subscription) {
    this.name = name
    this.#begin = begin
    this.#start()
  }

  #start(): void {
    if (this.#isOver) return
    this.begun += 1
    this.#current = this.#begin(this.#last)
    this.#current
      .on('data', ({ event }: ResolvedEvent) => {
        if (!event) return
        this.#last = event
        const ids = this.seen.get(event.streamId) ?? []
        this.seen.set(event.streamId, ids)
        ids.push(event.id)
      })
      .on('error', () => setTimeout(() => this.#start(), retryMs))
  }

  async end(): Promise<void> {
    this.#isOver = true
    await this.#current?.unsubscribe().catch(() => {})
  }
}

const subscribersOf = (client: EventStoreDBClient): readonly Subscriber[] => {
  const filter = streamNameFilter({ prefixes: ['w'] })
  const revisionOf = (last: Place | undefined) => last?.revision ?? START
  const all = (last: Place | undefined): SubscribeToAllOptions => ({
    fromPosition: last?.position ?? START,
  })
  return [
    new Subscriber('$all', (last) => client.subscribeToAll(all(last))),
    new Subscriber('$all, filtered', (last) => client.subscribeToAll({ ...all(last), filter })),
    ...['w0', 'w1'].map(
      (stream) =>
        new Subscriber(stream, (last) =>
          client.subscribeToStream(stream, { fromRevision: revisionOf(last) }),
        ),
    ),
  ]
}

const storedIds = async (client: EventStoreDBClient, stream: string): Promise<string[]> => {
  const ids: string[] = []
  for await (const { event } of client.readStream(stream)) ids.push(event?.id ?? '')
  return ids
}

const same = (a: readonly string[] = [], b: readonly string[] = []) => a.join() === b.join()

export const standStill = async (seconds: number): Promise<Stood> => {
  const folder = await temporaryFolder()
  const server = await run(folder.path)
  const client = EventStoreDBClient.connectionString(server.url)
  const writers: Writer[] = Array.from({ length: writersMax }, (_, i) => ({
    stream: `w${i}`,
    ids: [],
    repeated: 0,
  }))
  const subscribers = subscribersOf(client)
  let isOver = false
  const writing = writers.map((writer) => write(client, writer, () => !isOver))
  await delay(runMs)
  server.child.kill('SIGSTOP')
  await delay(seconds * 1_000)
  server.child.kill('SIGCONT')
  const before = writers.map(({ ids }) => ids.length)
  await until(() => writers.every(({ ids }, i) => ids.length > (before[i] ?? 0) + 5), {
    what: 'every writer to go on',
    msMax: 60_000,
  })
  isOver = true
  await Promise.all(writing)
  const wrongInLog: string[] = []
  for (const { stream, ids } of writers)
    if (!same(await storedIds(client, stream), ids)) wrongInLog.push(stream)
  const wrongAt = () =>
    subscribers.flatMap(({ name, seen }) =>
      writers
        .filter(({ stream }) => name.startsWith('$all') || name === stream)
        .filter(({ stream, ids }) => !same(seen.get(stream), ids))
        .map(({ stream }) => `${name}: ${stream}`),
    )
  await until(() => wrongAt().length === 0, { what: 'the subscribers', msMax: 30_000 }).catch(
    () => {},
  )
  for (const subscriber of subscribers) await subscriber.end()
  await client.dispose()
  await server.end('SIGKILL')
  await folder.remove()
  return {
    seconds,
    acknowledged: writers.reduce((sum, { ids }) => sum + ids.length, 0),
    repeated: writers.reduce((sum, { repeated }) => sum + repeated, 0),
    resubscribed: subscribers.reduce((sum, { begun }) => sum + begun - 1, 0),
    wrongInLog,
    wrongAtSubscribers: wrongAt(),
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const stood = await standStill(Number(process.argv[2] ?? 30))
  console.log(JSON.stringify(stood))
  process.exit(stood.wrongInLog.length + stood.wrongAtSubscribers.length > 0 ? 1 : 0)
}

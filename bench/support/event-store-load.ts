import { randomUUID } from 'node:crypto'
import {
  binaryEvent,
  END,
  type EventData,
  EventStoreDBClient,
  jsonEvent,
  START,
  streamNameFilter,
} from '@eventstore/db-client'
import { quantile } from './statistics.ts'

/** What the load process is told to do; it prints one `StoreMeasured` as JSON. */
export type StoreOrder = { readonly url: string; readonly seconds: number } & StoreWork

export type StoreWork =
  | { readonly what: 'append'; readonly inFlight: number; readonly batch: number }
  | { readonly what: 'octets'; readonly inFlight: number; readonly bytes: number }
  | { readonly what: 'read-stream'; readonly length: number; readonly inFlight: number }
  | { readonly what: 'catch-up'; readonly filter: boolean }
  | { readonly what: 'live' }

export type StoreMeasured = {
  readonly calls: number
  readonly events: number
  readonly bytes: number
  readonly seconds: number
  readonly p50Ms: number
  readonly p99Ms: number
  /** Of this process, in user and kernel mode. */
  readonly cpuMs: number
}

const order: StoreOrder = JSON.parse(process.argv[2] ?? '{}')
const client = EventStoreDBClient.connectionString(order.url)

// About 260 bytes of JSON and 75 of metadata, as a small domain event has.
const text = 'x'.repeat(200)
const event = (): EventData =>
  jsonEvent({
    id: randomUUID(),
    type: 'measured',
    data: { text, at: '2026-01-01T00:00:00.000Z', n: 12_345 },
    metadata: { correlation: '00000000-0000-4000-8000-000000000000', by: 'bench' },
  })

const loop = async (inFlight: number, each: (worker: number) => Promise<number>) => {
  const latencies: number[] = []
  let [calls, events] = [0, 0]
  const ending = performance.now() + order.seconds * 1_000
  const worker = async (_: unknown, w: number) => {
    while (performance.now() < ending) {
      const started = performance.now()
      const count = await each(w)
      events += count
      calls += 1
      latencies.push(performance.now() - started)
    }
  }
  await Promise.all(Array.from({ length: inFlight }, worker))
  return { calls, events, latencies, bytes: 0 }
}

const appendEach = (batch: number) => {
  const run = randomUUID()
  let next = 0
  return async () => {
    const events = Array.from({ length: batch }, event)
    await client.appendToStream(`bench-${run}-${next++ % 5_000}`, events)
    return batch
  }
}

// As an ingesting node does: one binary event an append, at exact revisions, read back by a filtered subscription.
const octets = async (inFlight: number, bytes: number) => {
  const prefix = `octets-${randomUUID()}`
  const revisions = new Map<number, bigint>()
  const data = Buffer.alloc(bytes, 7)
  let [sent, seen] = [0, 0]
  const subscription = client.subscribeToAll({
    fromPosition: END,
    filter: streamNameFilter({ prefixes: [prefix] }),
  })
  subscription.on('data', () => {
    seen += 1
  })
  subscription.on('error', () => {})
  await new Promise((resolve) => subscription.once('confirmation', resolve))
  const measured = await loop(inFlight, async (w) => {
    const last = revisions.get(w)
    const one = binaryEvent({ id: randomUUID(), type: 'batch', data })
    const done = await client.appendToStream(`${prefix}-${w}`, one, {
      expectedRevision: last ?? 'no_stream',
    })
    revisions.set(w, done.nextExpectedRevision)
    sent += 1
    return 1
  })
  while (seen < sent) await new Promise((resolve) => setTimeout(resolve, 5))
  await subscription.unsubscribe()
  return { ...measured, bytes: measured.events * bytes }
}

const readStream = async (length: number, inFlight: number) => {
  const stream = `read-${randomUUID()}`
  for (let i = 0; i < length; i += 500)
    await client.appendToStream(stream, Array.from({ length: Math.min(500, length - i) }, event))
  return loop(inFlight, async () => {
    let count = 0
    for await (const _ of client.readStream(stream, { maxCount: length })) count += 1
    return count
  })
}

const catchUp = (filter: boolean) =>
  loop(1, async () => {
    let count = 0
    const subscription = filter
      ? client.subscribeToAll({ filter: streamNameFilter({ prefixes: ['bench-'] }) })
      : client.subscribeToAll()
    subscription.on('data', () => {
      count += 1
    })
    subscription.on('error', () => {})
    await new Promise((resolve) => subscription.once('caughtUp', resolve))
    await subscription.unsubscribe()
    return count
  })

const live = async () => {
  const stream = `live-${randomUUID()}`
  const subscription = client.subscribeToStream(stream, { fromRevision: START })
  const arrivals = new Map<string, () => void>()
  subscription.on('data', ({ event: seen }) => arrivals.get(seen?.id ?? '')?.())
  subscription.on('error', () => {})
  await new Promise((resolve) => subscription.once('confirmation', resolve))
  const measured = await loop(1, async () => {
    const one = event()
    const arrived = new Promise<void>((resolve) => arrivals.set(one.id, resolve))
    await Promise.all([client.appendToStream(stream, one), arrived])
    arrivals.delete(one.id)
    return 1
  })
  await subscription.unsubscribe()
  return measured
}

const perform = () => {
  switch (order.what) {
    case 'append':
      return loop(order.inFlight, appendEach(order.batch))
    case 'octets':
      return octets(order.inFlight, order.bytes)
    case 'read-stream':
      return readStream(order.length, order.inFlight)
    case 'catch-up':
      return catchUp(order.filter)
    case 'live':
      return live()
  }
}

const before = process.cpuUsage()
const started = performance.now()
const { calls, events, bytes, latencies } = await perform()
const { user, system } = process.cpuUsage(before)
const measured: StoreMeasured = {
  calls,
  events,
  bytes,
  seconds: (performance.now() - started) / 1_000,
  p50Ms: quantile(latencies, 0.5),
  p99Ms: quantile(latencies, 0.99),
  cpuMs: (user + system) / 1_000,
}
console.log(JSON.stringify(measured))
await client.dispose()
process.exit(0)

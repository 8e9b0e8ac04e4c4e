import { randomBytes, randomUUID } from 'node:crypto'
import { EventStoreDBClient, type ResolvedEvent } from '@eventstore/db-client'
import shared from '@eventstore/db-client/generated/shared_pb.js'
import streams from '@eventstore/db-client/generated/streams_pb.js'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { followedBytesMax, followedItemsMax } from '../../protocol/limits.ts'
import { type StoredEvent, StoreUnavailable } from '../../src/store/event-store.ts'
import { connectEventStore } from '../../src/store/eventstoredb.ts'
import { followedIn } from '../../src/store/read-response.ts'
import { startEventStore } from '../support/event-store.ts'

const test = suite('responses of reads and subscriptions')
const server = await startEventStore()
const store = connectEventStore(server.url)
const client = EventStoreDBClient.connectionString(server.url)

type Plain = Omit<StoredEvent, 'metadataBytes'>

/** What the client's own read makes of an event. */
const storedOf = ({ event, commitPosition }: ResolvedEvent): Plain | undefined =>
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

const bytesOf = (response: InstanceType<typeof streams.ReadResp>): Buffer =>
  Buffer.from(response.serializeBinary())

test('an event is what the client makes of it: JSON, bytes, neither metadata nor either', async () => {
  const stream = `proj_read-${randomUUID()}`
  const binary = randomBytes(200)
  const given = [
    { type: 'Told', data: { text: 'ä"\\\n', n: 1.5, none: null }, metadata: { v: 1, of: ['é'] } },
    { type: 'Bytes', data: binary, metadata: {} },
    { type: 'Empty', data: {}, metadata: { a: '' } },
  ].map((event) => ({ id: randomUUID(), ...event }))
  await store.append(stream, given, 'no_stream')

  const theirs: (Plain | undefined)[] = []
  for await (const resolved of client.readStream(stream)) theirs.push(storedOf(resolved))
  const ours: StoredEvent[] = []
  const subscription = store.subscribe({ prefixes: [stream], from: 'start' })
  for await (const items of subscription) {
    for (const item of items) if (item.kind === 'event') ours.push(item.event)
    if (items.some(({ kind }) => kind === 'caught-up')) break
  }
  await subscription.close()
  const plain = (event: Plain | undefined) =>
    event && {
      ...{ id: event.id, type: event.type, stream: event.stream, revision: event.revision },
      ...{ position: event.position, createdMs: event.createdMs, metadata: event.metadata },
      data: event.data instanceof Uint8Array ? Buffer.from(event.data).toString('hex') : event.data,
    }
  assert.is(ours.length, given.length)
  assert.equal(ours.map(plain), theirs.map(plain))

  const read = async (from?: number) => (await store.readStream(stream, from)).map(plain)
  assert.equal(await read(), theirs.map(plain))
  assert.equal(await read(2), theirs.slice(2).map(plain))
  assert.equal(await read(3), [])
  const last = await store.readPage(stream, { count: 2, order: 'desc' })
  assert.equal(last.map(plain), theirs.slice(1).reverse().map(plain))
  assert.equal((await store.readLast(stream))?.id, given.at(-1)?.id)
})

test('a stream that is not there, or has nothing any more, is read as an empty one', async () => {
  const stream = `proj_none-${randomUUID()}`
  assert.equal(await store.readStream(stream), [])
  assert.is(await store.readLast(stream), undefined)
  await store.append(stream, [{ id: randomUUID(), type: 'T', data: {}, metadata: {} }], 'no_stream')
  await client.deleteStream(stream)
  assert.equal(await store.readStream(stream), [])
})

test('what is at hand is bounded by its count and by its bytes, and comes whole and in order', async () => {
  const written = async (count: number, bytes: number) => {
    const stream = `proj_many-${randomUUID()}`
    const events = Array.from({ length: count }, (_, n) => ({
      id: randomUUID(),
      type: 'T',
      data: { n, text: 'x'.repeat(bytes) },
      metadata: {},
    }))
    let expected: number | 'no_stream' = 'no_stream'
    // An append takes no more than so many bytes.
    const atOnce = Math.ceil(count / bytes)
    for (let at = 0; at < count; at += atOnce) {
      const some = events.slice(at, at + atOnce)
      await store.append(stream, some, expected)
      expected = at + some.length - 1
    }
    return stream
  }
  for (const [count, bytes] of [
    [2 * followedItemsMax + 1, 1],
    [30, Math.floor(followedBytesMax / 7)],
  ] as const) {
    const subscription = store.subscribe({ prefixes: [await written(count, bytes)], from: 'start' })
    let next = 0
    for await (const items of subscription) {
      const events = items.flatMap((item) => (item.kind === 'event' ? item.event : []))
      assert.ok(items.length <= followedItemsMax)
      assert.ok((events.length - 1) * bytes < followedBytesMax, `${events.length} of ${bytes}`)
      for (const { data } of events) assert.is((data as { n: number }).n, next++)
      if (items.some(({ kind }) => kind === 'caught-up')) break
      // What comes meanwhile is taken in, as far as it may.
      await new Promise((resolve) => setImmediate(resolve))
    }
    assert.is(next, count)
    await subscription.close()
  }
})

test('a read that cannot be is `StoreUnavailable`', async () => {
  const stream = `proj_gone-${randomUUID()}`
  await store.append(stream, [{ id: randomUUID(), type: 'T', data: {}, metadata: {} }], 'no_stream')
  await client.tombstoneStream(stream)
  const failed = await store.readStream(stream).catch((error: unknown) => error)
  assert.instance(failed, StoreUnavailable)
})

test('a checkpoint and the end of the log are told apart from what is nothing for who follows', () => {
  const { ReadResp } = streams
  const checkpoint = new ReadResp.Checkpoint().setCommitPosition('81').setPreparePosition('80')
  assert.equal(followedIn(bytesOf(new ReadResp().setCheckpoint(checkpoint))), {
    kind: 'checkpoint',
    position: 81n,
  })
  assert.equal(followedIn(bytesOf(new ReadResp().setCaughtUp(new ReadResp.CaughtUp()))), {
    kind: 'caught-up',
  })
  const confirmation = new ReadResp.SubscriptionConfirmation().setSubscriptionId('1')
  assert.is(followedIn(bytesOf(new ReadResp().setConfirmation(confirmation))), undefined)
  // A link whose event is gone.
  const link = new ReadResp.ReadEvent.RecordedEvent().setStreamIdentifier(
    new shared.StreamIdentifier().setStreamName(Buffer.from('s')),
  )
  const dangling = new ReadResp.ReadEvent().setLink(link).setCommitPosition('7')
  assert.is(followedIn(bytesOf(new ReadResp().setEvent(dangling))), undefined)
})

test('what is cut off is an error, and what is neither JSON nor bytes is a text', () => {
  const { RecordedEvent } = streams.ReadResp.ReadEvent
  const event = new RecordedEvent().setCommitPosition('9').setData(Buffer.from('no JSON'))
  event.getMetadataMap().set('type', 'T').set('content-type', 'application/json')
  const response = new streams.ReadResp().setEvent(new streams.ReadResp.ReadEvent().setEvent(event))
  const followed = followedIn(bytesOf(response))
  assert.ok(followed?.kind === 'event')
  assert.is(followed.kind === 'event' && followed.event.data, 'no JSON')
  assert.throws(() => followedIn(bytesOf(response).subarray(0, -3)), /cut off/)
})

test.after(async () => {
  await store.close()
  await client.dispose()
  await server.stop()
})
test.run()

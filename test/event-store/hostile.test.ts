import { once } from 'node:events'
import { readFile } from 'node:fs/promises'
import { connect } from 'node:net'
import { binaryEvent, EventStoreDBClient, jsonEvent } from '@eventstore/db-client'
import shared from '@eventstore/db-client/generated/shared_pb.js'
import streams from '@eventstore/db-client/generated/streams_pb.js'
import empty from 'google-protobuf/google/protobuf/empty_pb.js'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { eventStoreMessageBytesMax } from '../../protocol/limits-embedded.ts'
import { connectStore, type Store } from '../../src/embedded/event-store-copy/connect.ts'
import { type TemporaryFolder, temporaryFolder } from '../support/temporary-folder.ts'
import { until } from '../support/until.ts'
import { type Running, run } from './running.ts'
import { standStill } from './standstill.ts'

type Stage = { folder: TemporaryFolder; server: Running; client: EventStoreDBClient; raw: Store }

const hostile = suite<Stage>('hostile input')

hostile.before.each(async (stage) => {
  stage.folder = await temporaryFolder()
  stage.server = await run(stage.folder.path)
  stage.client = EventStoreDBClient.connectionString(stage.server.url)
  stage.raw = await connectStore(stage.server.url)
})
hostile.after.each(async ({ folder, server, client, raw }) => {
  raw.close()
  await client.dispose()
  await server.end('SIGKILL')
  await folder.remove()
})

const one = (n = 0) => jsonEvent({ type: 'a', data: { n } })

/** The store still takes and gives. */
const isWell = async ({ client }: Stage) => {
  const { success } = await client.appendToStream('well', one())
  let count = 0
  for await (const _ of client.readStream('well')) count += 1
  assert.ok(success && count > 0)
}

const portOf = ({ server }: Stage) => Number(/:(\d+)/.exec(server.url)?.[1])
const rssMiB = async ({ server }: Stage): Promise<number> => {
  const text = await readFile(`/proc/${server.child.pid}/status`, 'utf8')
  return Number(/VmRSS:\s+(\d+)/.exec(text)?.[1]) / 1_024
}

const preface = 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'
const garbage: readonly (readonly [string, string | Buffer])[] = [
  ['noise', Buffer.from(Array.from({ length: 4_096 }, (_, i) => (i * 7_919) % 256))],
  ['HTTP/1.1', 'GET / HTTP/1.1\r\nHost: a\r\n\r\n'],
  ['the preface and noise', `${preface}${'x'.repeat(500)}`],
  ['half a preface', preface.slice(0, 12)],
  [
    'a frame that announces 16 MiB',
    Buffer.concat([Buffer.from(preface), Buffer.from([0xff, 0xff, 0xff, 0, 0, 0, 0, 0, 1])]),
  ],
]

hostile('garbage on the port, and half a request', async (stage) => {
  for (const [what, bytes] of garbage) {
    const socket = connect(portOf(stage), '127.0.0.1')
    socket.on('error', () => {})
    await once(socket, 'connect')
    socket.write(bytes)
    await isWell(stage)
    socket.destroy()
    assert.is(stage.server.child.exitCode, null, what)
  }
})

const batchOf = (bytes: number) => {
  const message = new streams.BatchAppendReq.ProposedMessage()
    .setId(new shared.UUID().setString('00112233-4455-6677-8899-aabbccddeeff'))
    .setData(Buffer.alloc(bytes))
  message.getMetadataMap().set('type', 'a').set('content-type', 'application/octet-stream')
  const options = new streams.BatchAppendReq.Options()
    .setStreamIdentifier(new shared.StreamIdentifier().setStreamName(Buffer.from('large')))
    .setAny(new empty.Empty())
  return new streams.BatchAppendReq()
    .setCorrelationId(new shared.UUID().setString('ffeeddcc-bbaa-9988-7766-554433221100'))
    .setOptions(options)
    .setProposedMessagesList([message])
    .setIsFinal(true)
}

/** As large as wanted to the byte. */
const batchOfMessage = (messageBytes: number) => {
  const around = batchOf(messageBytes).serializeBinary().length - messageBytes
  return batchOf(messageBytes - around)
}

hostile(
  'a message of 17 MiB is answered, one byte more ends its call, not the store',
  async (stage) => {
    const call = stage.raw.streams.batchAppend(stage.raw.metadata)
    const ended = once(call, 'error')
    const answered = once(call, 'data')
    const largest = batchOfMessage(eventStoreMessageBytesMax)
    assert.is(largest.serializeBinary().length, eventStoreMessageBytesMax)
    call.write(largest)
    const [answer] = await answered
    assert.is(answer.getError().getMessage(), 'Maximum append size exceeded.')
    call.write(batchOfMessage(eventStoreMessageBytesMax + 1))
    const [error] = await ended
    assert.is((error as { code: number }).code, 8)
    await isWell(stage)
  },
)

hostile('1,000 subscriptions all get the same event, and all leave', async (stage) => {
  const calls = Array.from({ length: 1_000 }, (_, i) => {
    const stream = new streams.ReadReq.Options.StreamOptions()
      .setStreamIdentifier(new shared.StreamIdentifier().setStreamName(Buffer.from(`s${i % 10}`)))
      .setStart(new shared.Empty())
    const options = new streams.ReadReq.Options()
      .setStream(stream)
      .setSubscription(new streams.ReadReq.Options.SubscriptionOptions())
      .setNoFilter(new shared.Empty())
      .setUuidOption(new streams.ReadReq.Options.UUIDOption().setString(new shared.Empty()))
    return stage.raw.streams.read(new streams.ReadReq().setOptions(options), stage.raw.metadata)
  })
  let [live, seen] = [0, 0]
  for (const call of calls)
    call
      .on('data', (message) => {
        if (message.hasCaughtUp()) live += 1
        if (message.hasEvent()) seen += 1
      })
      .on('error', () => {})
  await until(() => live === 1_000, { what: '1,000 live subscriptions', msMax: 60_000 })
  for (let i = 0; i < 10; i += 1) await stage.client.appendToStream(`s${i}`, one())
  await until(() => seen === 1_000, { what: '1,000 events', msMax: 60_000 })
  for (const call of calls) call.cancel()
  await isWell(stage)
})

hostile(
  'a subscriber that never reads costs little and slows no one; one that vanishes nothing',
  async (stage) => {
    const socket = stage.client
    await socket.appendToStream('heavy', binaryEvent({ type: 'a', data: Buffer.alloc(100_000) }))
    const all = new streams.ReadReq.Options.AllOptions().setStart(new shared.Empty())
    const options = new streams.ReadReq.Options()
      .setAll(all)
      .setSubscription(new streams.ReadReq.Options.SubscriptionOptions())
      .setNoFilter(new shared.Empty())
      .setUuidOption(new streams.ReadReq.Options.UUIDOption().setString(new shared.Empty()))
    const request = new streams.ReadReq().setOptions(options)
    const lazy = Array.from({ length: 20 }, () =>
      stage.raw.streams.read(request, stage.raw.metadata).on('error', () => {}),
    )
    const grow = async (count: number) => {
      for (let n = 0; n < count; n += 1)
        await stage.client.appendToStream(
          'heavy',
          binaryEvent({ type: 'a', data: Buffer.alloc(100_000) }),
        )
    }
    await grow(100)
    const before = await rssMiB(stage)
    await grow(400)
    const grown = (await rssMiB(stage)) - before
    // 20 readers × 40 MB lay unread in between.
    assert.ok(grown < 150, `grew by ${grown} MiB`)
    for (const call of lazy) call.cancel()
    stage.raw.close()
    await isWell(stage)
  },
)

hostile(
  'an append whose deadline passes while the store stands still is not written',
  async (stage) => {
    await stage.client.appendToStream('late', one(1))
    stage.server.child.kill('SIGSTOP')
    const late = await stage.client
      .appendToStream('late', one(2), { deadline: 500 })
      .catch((error: { type?: string }) => error)
    assert.match(String((late as { type?: string }).type), /deadline|timeout|unavailable/)
    stage.server.child.kill('SIGCONT')
    await until(() => isWell(stage).then(() => true), { what: 'an answer' })
    const seen: number[] = []
    for await (const { event } of stage.client.readStream<{ type: 'a'; data: { n: number } }>(
      'late',
    ))
      seen.push(event?.data.n ?? -1)
    assert.equal(seen, [1])
  },
)

hostile('stopped for a while it goes on: all is acknowledged once, and seen once', async () => {
  const { acknowledged, wrongInLog, wrongAtSubscribers } = await standStill(1.5)
  assert.ok(acknowledged > 16)
  assert.equal([...wrongInLog, ...wrongAtSubscribers], [])
})

hostile.run()

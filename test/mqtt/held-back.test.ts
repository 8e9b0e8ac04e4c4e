import { randomBytes } from 'node:crypto'
import { PassThrough } from 'node:stream'
import { setImmediate as turn } from 'node:timers/promises'
import { Aedes, type Client } from 'aedes'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { newId } from '../../protocol/ids.ts'
import {
  mqttBurstMessages,
  mqttHeldBackSliceMsMax,
  mqttHeldBackTickMs,
  mqttPacketBytesMax,
} from '../../protocol/limits.ts'
import type { Session } from '../../src/auth/ports.ts'
import { Acknowledgements } from '../../src/mqtt/acknowledgements.ts'
import { internals, isStopped, itsTurn, stopReading } from '../../src/mqtt/aedes-client.ts'
import { Connection } from '../../src/mqtt/connection.ts'
import { takeFrames } from '../../src/mqtt/frames.ts'
import { HeldBack, Ticks } from '../../src/mqtt/held-back.ts'
import { deliver } from '../../src/mqtt/on-publish.ts'
import type { BrokerDeps } from '../../src/mqtt/ports.ts'
import { Pressure } from '../../src/mqtt/pressure.ts'
import { DeviceRates } from '../../src/mqtt/project-rates.ts'
import { TokenBucket } from '../../src/mqtt/token-bucket.ts'
import { until } from '../support/until.ts'

const test = suite('what is held back')

test('goes in the order in which it came, though something later is due no later', async () => {
  let nowMs = 0
  const heldBack = new HeldBack(new Ticks(() => nowMs))
  const gone: number[] = []
  const dueMs = mqttHeldBackTickMs + 1
  heldBack.add(dueMs, () => gone.push(1))
  nowMs = mqttHeldBackTickMs
  // Nothing is owed any more when this one comes.
  heldBack.add(nowMs, () => gone.push(2))
  heldBack.add(nowMs, () => gone.push(3))
  for (let i = 0; i < 3; i += 1) await turn()
  assert.equal(gone, [])
  nowMs = 2 * mqttHeldBackTickMs
  await until(() => gone.length === 3, { what: 'all three' })
  assert.equal(gone, [1, 2, 3])
  assert.ok(heldBack.isEmpty)
})

test('of all clients goes at once what is due within a tick', async () => {
  let nowMs = 0
  const ticks = new Ticks(() => nowMs)
  const gone: number[] = []
  for (let n = 0; n <= mqttHeldBackTickMs; n += 1)
    new HeldBack(ticks).add(mqttHeldBackTickMs + n, () => gone.push(n))
  nowMs = mqttHeldBackTickMs
  await until(() => gone.length > 0, { what: 'the first tick' })
  for (let i = 0; i < 3; i += 1) await turn()
  assert.equal(gone, [0])
  nowMs = 2 * mqttHeldBackTickMs
  await until(() => gone.length > mqttHeldBackTickMs, { what: 'the second tick' })
})

test('however much goes at a tick, others come in between', async () => {
  let nowMs = 0
  let gone = 0
  const ticks = new Ticks(() => nowMs)
  const all = 9
  for (let i = 0; i < all; i += 1)
    ticks.at(mqttHeldBackTickMs, () => {
      gone += 1
      nowMs += mqttHeldBackSliceMsMax / 2
    })
  nowMs = mqttHeldBackTickMs
  const seen = new Set<number>()
  for (; gone < all; await turn()) seen.add(gone)
  seen.add(gone)
  const steps = [...seen].map((count, i, counts) => count - (counts[i - 1] ?? 0))
  assert.equal(steps, [0, 2, 2, 2, 2, 1])
})

test('ticks come in their order, and what is due earlier than all others is not late', async () => {
  let nowMs = 0
  const gone: number[] = []
  const ticks = new Ticks(() => nowMs)
  for (const tick of [3, 1, 2, 1_000]) ticks.at(tick * mqttHeldBackTickMs, () => gone.push(tick))
  nowMs = 3 * mqttHeldBackTickMs
  await until(() => gone.length === 3, { what: 'three ticks' })
  assert.equal(gone, [1, 2, 3])
  nowMs = 1_000 * mqttHeldBackTickMs
  ticks.at(0, () => gone.push(0))
  await until(() => gone.length === 5, { what: 'the rest' })
  assert.equal(gone, [1, 2, 3, 0, 1_000])
})

test('whoever is gone before its turn owes nothing: others have it', async () => {
  let nowMs = 0
  const bucket = () => new TokenBucket(() => 10, { burst: () => 1, nowMs: 0 })
  const [ofDevice, ofProject] = [bucket(), bucket()]
  const client = { closed: false, conn: { writableLength: 0, pause: () => {} }, emit: () => {} }
  const principal = { deviceId: newId('dev_', randomBytes) }
  const monotonic = () => nowMs
  const connection = new Connection(
    client as unknown as Client,
    { principal } as unknown as Session,
    { ofDevice, ofProject, rejectsPerMinute: 0, ticks: new Ticks(monotonic) },
  )
  const meter = { count: () => {}, observe: () => {} }
  const edge = {
    deps: { monotonic, meter } as unknown as BrokerDeps,
    pressure: new Pressure(),
    acknowledgements: new Acknowledgements(),
  }
  for (const taken of [ofDevice, ofProject]) assert.is(taken.take(0), 0)
  const topic = 'v1/devices/me/heartbeat'
  deliver(edge, connection, { topic, payload: '{}', qos: 1, retain: false }, 1)
  assert.is(connection.completions.waiting, 1)
  client.closed = true
  nowMs = 100
  await until(() => connection.completions.waiting === 0, { what: 'its end' })
  for (const free of [ofDevice, ofProject]) assert.is(free.take(100), 0)
})

test('what comes while one goes waits behind all others', async () => {
  const heldBack = new HeldBack(new Ticks(() => 0))
  const gone: number[] = []
  heldBack.add(0, () => {
    gone.push(1)
    heldBack.add(0, () => gone.push(3))
  })
  heldBack.add(0, () => gone.push(2))
  await until(() => gone.length === 3, { what: 'all three' })
  assert.equal(gone, [1, 2, 3])
})

test('a client is stopped between two packets of one chunk, and goes on there in its turn', async () => {
  const broker = await Aedes.createBroker()
  const client = broker.handle(new PassThrough())
  const met: number[] = []
  let held = 0
  takeFrames(client, {
    take: ({ payload }) => {
      met.push(payload[0] ?? 0)
      stopReading(client, 'turn')
      return true
    },
    bytesMax: () => mqttPacketBytesMax,
    onHeld: (bytes) => {
      held = bytes
    },
  })
  const parse = (bytes: Buffer) => internals(client)._parser.parse(bytes)
  // QoS 0, to the topic `t`.
  const packet = (n: number) => Buffer.from([0x30, 4, 0, 1, 0x74, n])
  parse(Buffer.concat([packet(1), packet(2), packet(3).subarray(0, 4)]))
  assert.equal([met, held], [[1], 10])
  assert.ok(client.conn.isPaused())
  // What was read before it was stopped.
  parse(packet(3).subarray(4))
  parse(packet(4))
  assert.equal([met, held], [[1], 18])
  let resumed = 0
  const resume = client.conn.resume.bind(client.conn)
  client.conn.resume = () => {
    resumed += 1
    return resume()
  }
  for (const [n, left] of [
    [2, 12],
    [3, 6],
    [4, 0],
  ]) {
    itsTurn(client)
    assert.equal([met.at(-1), held], [n, left])
    assert.is(resumed, 0, 'what it sent already comes first')
  }
  itsTurn(client)
  assert.equal([met, held], [[1, 2, 3, 4], 0])
  assert.not.ok(isStopped(client, 'turn'))
  assert.is(resumed, 1)
  client.close()
  await new Promise<void>((resolve) => broker.close(() => resolve()))
})

test('a device that comes back has what it had: no new burst', () => {
  const rates = new DeviceRates({ device: 10 })
  const device = newId('dev_', randomBytes)
  const first = rates.bucketOf(device, 0)
  for (let i = 0; i < mqttBurstMessages; i += 1) assert.is(first.take(0), 0)
  assert.is(rates.bucketOf(device, 50).take(50), 50)
  assert.is(rates.bucketOf(newId('dev_', randomBytes), 50).take(50), 0)
})

test.run()

import { randomBytes } from 'node:crypto'
import { PassThrough } from 'node:stream'
import { setImmediate as turn } from 'node:timers/promises'
import { Aedes } from 'aedes'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { newId } from '../../protocol/ids.ts'
import { mqttBurstMessages, mqttHeldBackTickMs, mqttPacketBytesMax } from '../../protocol/limits.ts'
import { internals, isStopped, itsTurn, stopReading } from '../../src/mqtt/aedes-client.ts'
import { takeFrames } from '../../src/mqtt/frames.ts'
import { HeldBack } from '../../src/mqtt/held-back.ts'
import { DeviceRates } from '../../src/mqtt/project-rates.ts'
import { until } from '../support/until.ts'

const test = suite('what is held back')

test('goes in the order in which it came, though something later is due no later', async () => {
  let nowMs = 0
  const heldBack = new HeldBack(() => nowMs)
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
  const gone: number[] = []
  for (let n = 0; n <= mqttHeldBackTickMs; n += 1)
    new HeldBack(() => nowMs).add(mqttHeldBackTickMs + n, () => gone.push(n))
  nowMs = mqttHeldBackTickMs
  await until(() => gone.length > 0, { what: 'the first tick' })
  for (let i = 0; i < 3; i += 1) await turn()
  assert.equal(gone, [0])
  nowMs = 2 * mqttHeldBackTickMs
  await until(() => gone.length > mqttHeldBackTickMs, { what: 'the second tick' })
})

test('what comes while one goes waits behind all others', async () => {
  const heldBack = new HeldBack(() => 0)
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

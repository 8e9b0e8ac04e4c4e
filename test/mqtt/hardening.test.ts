import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import {
  mqttHoldBackMsMax,
  mqttInflightQos2Max,
  signInsPerMinuteMax,
} from '../../protocol/limits.ts'
import { beat, faultOf, openEdge } from '../support/mqtt-edge.ts'
import { connackOf, connectWith, type RawMqtt } from '../support/raw-mqtt.ts'

const test = suite('MQTT against those who mean no good')
const perSecond = 100
const edge = await openEdge({ LAPEL_RATE_DEVICE: '0', LAPEL_RATE_PROJECT: `${perSecond}` })
const { lapel, port, signedIn, listening, entriesOf } = edge

const twice = (raw: RawMqtt, messageId: number, dup = false): void =>
  raw.send({
    cmd: 'publish',
    topic: 'v1/devices/me/heartbeat',
    messageId,
    qos: 2,
    dup,
    retain: false,
    payload: '{}',
  })

test('QoS 2: PUBREC once it is stored, however often it comes before its PUBREL it is stored once', async () => {
  const device = await lapel.boundDevice()
  const raw = await signedIn(device)
  for (let i = 0; i < 5; i += 1) twice(raw, 7, i > 0)
  assert.is((await raw.take('pubrec')).messageId, 7)
  twice(raw, 7, true)
  assert.is((await raw.take('pubrec')).messageId, 7)
  raw.send({ cmd: 'pubrel', messageId: 7 })
  assert.is((await raw.take('pubcomp')).messageId, 7)
  assert.is((await entriesOf(device)).length, 1)
  twice(raw, 7)
  await raw.take('pubrec')
  assert.is((await entriesOf(device)).length, 2)
  raw.end()
})

test('who withholds PUBREL is closed one past the limit', async () => {
  const raw = await signedIn(await lapel.boundDevice())
  for (let id = 1; id <= mqttInflightQos2Max; id += 1) twice(raw, id)
  for (let id = 1; id <= mqttInflightQos2Max; id += 1) await raw.take('pubrec')
  assert.not.ok(raw.isClosed())
  twice(raw, mqttInflightQos2Max + 1)
  await raw.closed()
})

/** A QoS 1 PUBLISH by hand, for topics and ids that no generator makes. */
const publishBytes = (topic: Buffer, id: number): Buffer => {
  const body = Buffer.concat([
    Buffer.from([topic.length >> 8, topic.length & 255]),
    topic,
    Buffer.from([id >> 8, id & 255]),
    Buffer.from('{}'),
  ])
  return Buffer.concat([Buffer.from([0x32, body.length]), body])
}
const heartbeat = 'v1/devices/me/heartbeat'
const below = (last: Buffer): Buffer => Buffer.concat([Buffer.from('v1/devices/me/'), last])

const closing: readonly (readonly [string, Buffer])[] = [
  ['a packet id of 0', publishBytes(Buffer.from(heartbeat), 0)],
  ['NUL in a topic', publishBytes(below(Buffer.from('a\0b')), 1)],
  ['a lone surrogate in a topic', publishBytes(below(Buffer.from([0xed, 0xa0, 0x80])), 1)],
  ['bytes that are no UTF-8 in a topic', publishBytes(below(Buffer.from([0xc3, 0x28])), 1)],
  ['an empty topic', publishBytes(Buffer.alloc(0), 1)],
  ['a second CONNECT', Buffer.from([0x10, 0])],
  ['a CONNACK from a client', Buffer.from([0x20, 2, 0, 0])],
]

for (const [what, bytes] of closing)
  test(`${what}: no PUBACK, the connection is closed`, async () => {
    const device = await lapel.boundDevice()
    const raw = await signedIn(device)
    raw.write(bytes)
    await raw.closed()
    assert.not.ok(raw.packets.some(({ cmd }) => cmd === 'puback'))
    assert.equal(await entriesOf(device), [])
  })

test('names that programs stumble over are names like others', async () => {
  for (const name of ['__proto__', 'constructor', '\uffff', '\u{1f600}']) {
    const raw = await listening(await lapel.boundDevice())
    beat(raw, 3, {}, `v1/devices/me/${name}`)
    assert.is((await raw.take('puback')).messageId, 3, name)
    assert.is((await faultOf(raw))['code'], 'unknown_topic', name)
    raw.end()
  }
})

test('a device that comes and goes opens so many sessions in a minute and not one more', async () => {
  const device = await lapel.boundDevice()
  // A new minute of the node begins meanwhile once at most.
  const answers: (number | undefined)[] = []
  while (answers.at(-1) !== 3 && answers.length <= 2 * signInsPerMinuteMax)
    answers.push(await connackOf(port, connectWith(device.token)))
  assert.is(answers.at(-1), 3)
  assert.ok(answers.length > signInsPerMinuteMax, `${answers.length}`)
})

test('over the rate of its project a device is held back and told so; another project is not', async () => {
  const device = await lapel.boundDevice()
  const raw = await listening(device)
  const burst = 2 * perSecond
  const messages = burst + perSecond
  const started = performance.now()
  for (let i = 1; i <= messages; i += 1) beat(raw, i, { boot: 1, seq: i })
  assert.is((await faultOf(raw))['code'], 'rate_limited')
  const { id_test: other } = (await lapel.cli('projects', 'create', '--name', 'Other')) as {
    id_test: string
  }
  const { key } = (await lapel.cli('keys', 'create', '--mode', 'test', '--project', other)) as {
    key: string
  }
  const [person, pin] = await Promise.all([
    lapel.call(key, 'POST /v1/end-users', { name: 'Eve' }),
    lapel.call(key, 'POST /v1/devices', { serial_number: 'elsewhere', model: 'pin' }),
  ])
  const bound = await lapel.call(key, `POST /v1/devices/${pin.body['id']}/bind`, {
    end_user_id: person.body['id'],
  })
  const stranger = await signedIn({
    id: String(pin.body['id']),
    endUser: '',
    token: String(bound.body['device_token']),
  })
  for (let i = 1; i <= burst; i += 1) beat(stranger, i, { boot: 1, seq: i })
  const asked = performance.now()
  for (let i = 1; i <= burst; i += 1) await stranger.take('puback')
  assert.ok(performance.now() - asked < 5_000)
  for (let i = 1; i <= messages; i += 1) assert.is((await raw.take('puback')).messageId, i)
  assert.ok(performance.now() - started > 800)
  assert.is((await entriesOf(device)).length, messages)
  raw.end()
  stranger.end()
})

test('however far its project is over its rate, a device is read no further and loses nothing', async () => {
  const device = await lapel.boundDevice()
  const raw = await listening(device)
  // Once the burst is used, more than what is held back at most.
  const messages = perSecond * (2 + mqttHoldBackMsMax / 1_000 + 2)
  for (let i = 1; i <= messages; i += 1) beat(raw, i, { boot: 1, seq: i })
  raw.send({ cmd: 'pingreq' })
  for (let i = 1; i <= messages; i += 1) assert.is((await raw.take('puback')).messageId, i)
  await raw.take('pingresp')
  const told = raw.packets.filter(({ cmd }) => cmd === 'publish').length
  assert.ok(told > 1 && told < 15, `told ${told} times that it is over its rate`)
  assert.not.ok(raw.isClosed())
  raw.end()
  const seqs = (await entriesOf(device)).map(({ seq }) => seq)
  assert.equal(
    seqs,
    Array.from({ length: messages }, (_, i) => i + 1),
  )
})

test.after(edge.end)

test.run()

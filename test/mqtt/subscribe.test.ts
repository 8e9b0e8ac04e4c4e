import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { mqttFiltersMax } from '../../protocol/limits.ts'
import { beat, faultOf, openEdge, ownDown } from '../support/mqtt-edge.ts'
import { connectWith, rawMqtt } from '../support/raw-mqtt.ts'

const test = suite('MQTT subscribe')
const edge = await openEdge()
const { lapel, port, signedIn, listening } = edge

test('the own downlink may be subscribed, in either spelling, and nothing else', async () => {
  const device = await lapel.boundDevice()
  const raw = await signedIn(device)
  const filters = [
    '#',
    '$SYS/#',
    'v1/devices/+/down/#',
    'v1/devices/me/#',
    'v1/devices/dev_0000000000000000000000/down/#',
  ]
  const own = ['v1/devices/me/down/#', `v1/devices/${device.id}/down/#`]
  for (const topic of [...filters, ...own]) {
    raw.send({ cmd: 'subscribe', messageId: 5, subscriptions: [{ topic, qos: 2 }] })
    const { granted } = await raw.take('suback')
    assert.equal(granted, [own.includes(topic) ? 1 : 0x80], topic)
  }
  raw.end()
})

test('what is sent behind CONNECT without waiting is met in its order', async () => {
  const device = await lapel.boundDevice()
  const raw = rawMqtt(port)
  raw.send(connectWith(device.token))
  raw.send({ cmd: 'subscribe', messageId: 1, subscriptions: [{ topic: ownDown, qos: 1 }] })
  for (let i = 2; i <= 100; i += 1) beat(raw, i, { boot: 1, seq: i })
  assert.is((await raw.take('connack')).returnCode, 0)
  assert.equal((await raw.take('suback')).granted, [1])
  for (let i = 2; i <= 100; i += 1) assert.is((await raw.take('puback')).messageId, i)
  raw.end()
})

test('a SUBSCRIBE has at most eight filters, and each gets its code', async () => {
  const device = await lapel.boundDevice()
  const raw = await signedIn(device)
  const filters = (count: number) =>
    Array.from({ length: count }, () => ({ topic: ownDown, qos: 0 as const }))
  raw.send({ cmd: 'subscribe', messageId: 1, subscriptions: filters(mqttFiltersMax) })
  assert.is((await raw.take('suback')).granted.length, mqttFiltersMax)
  raw.send({ cmd: 'subscribe', messageId: 2, subscriptions: filters(mqttFiltersMax + 1) })
  await raw.closed()
})

test('nothing is sent at more than the QoS that was asked for', async () => {
  for (const qos of [0, 1] as const) {
    const raw = await signedIn(await lapel.boundDevice())
    raw.send({ cmd: 'subscribe', messageId: 1, subscriptions: [{ topic: ownDown, qos }] })
    assert.equal((await raw.take('suback')).granted, [qos])
    for (const id of [2, 3]) beat(raw, id, 'no JSON')
    await faultOf(raw)
    await faultOf(raw)
    const faults = raw.packets.filter(
      (one) => one.cmd === 'publish' && one.topic.endsWith('errors'),
    )
    assert.equal(
      faults.map(({ messageId }) => messageId),
      qos === 0 ? [undefined, undefined] : [1, 2],
    )
    raw.end()
  }
})

test('who subscribes is told the time, in the spelling of the subscription', async () => {
  const device = await lapel.boundDevice()
  const raw = await signedIn(device)
  raw.send({
    cmd: 'subscribe',
    messageId: 1,
    subscriptions: [{ topic: `v1/devices/${device.id}/down/#`, qos: 1 }],
  })
  const { topic, payload } = await raw.take('publish')
  assert.is(topic, `v1/devices/${device.id}/down/time`)
  assert.ok(Math.abs(Date.parse(JSON.parse(payload.toString()).now) - Date.now()) < 10_000)
  raw.end()
})

test('one device never hears of another', async () => {
  const [a, b] = [await lapel.boundDevice(), await lapel.boundDevice()]
  const [ear, mouth] = [await listening(a), await listening(b)]
  beat(mouth, 7, 'garbage')
  assert.is((await faultOf(mouth))['code'], 'malformed')
  assert.ok(ear.packets.every((one) => one.cmd !== 'publish' || one.topic.endsWith('/down/time')))
  ear.end()
  mouth.end()
})

test.after(edge.end)

test.run()

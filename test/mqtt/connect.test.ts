import { randomBytes } from 'node:crypto'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { mqttPacketBytesBeforeConnackMax, mqttPacketBytesMax } from '../../protocol/limits.ts'
import { mintToken } from '../../protocol/tokens.ts'
import { connectDevice } from '../support/mqtt-device.ts'
import { connackOf, connectWith, rawMqtt } from '../support/raw-mqtt.ts'
import { serveLapel } from '../support/served-lapel.ts'
import { until } from '../support/until.ts'

const test = suite('MQTT connect')
const lapel = await serveLapel()
const port = lapel.mqttPort
const device = await lapel.boundDevice()
const will = (topic: string, retain = false) => ({
  will: { topic, payload: Buffer.from('{}'), qos: 0 as const, retain },
})

const cases: readonly (readonly [string, Parameters<typeof connectWith>, number])[] = [
  ['a live token', [device.token], 0],
  ['clean=0 is served as clean', [device.token, { clean: false }], 0],
  ['no token at all', [''], 4],
  ['garbage', ['dtok_garbage'], 4],
  [
    'a checksum that does not fit',
    [`${device.token.slice(0, -1)}${device.token.endsWith('0') ? '1' : '0'}`],
    4,
  ],
  ['a token that nobody issued', [mintToken('dtok', randomBytes).text], 4],
  [
    'a known id with another secret',
    [mintToken('dtok', randomBytes, device.token.slice(5, 17)).text],
    4,
  ],
  ['an API key', [lapel.key], 4],
  ['keep-alive off', [device.token, { keepalive: 0 }], 2],
  ['keep-alive one below the least', [device.token, { keepalive: 29 }], 2],
  ['keep-alive at the least', [device.token, { keepalive: 30 }], 0],
  ['keep-alive at the most', [device.token, { keepalive: 1_200 }], 0],
  ['keep-alive one past the most', [device.token, { keepalive: 1_201 }], 2],
  ['an empty client id with clean=0', [device.token, { clientId: '', clean: false }], 2],
  ['an empty client id with clean=1', [device.token, { clientId: '' }], 0],
  ['the own will', [device.token, will('v1/devices/me/will')], 0],
  ['the own will by its id', [device.token, will(`v1/devices/${device.id}/will`)], 0],
  ["another device's will", [device.token, will('v1/devices/dev_0000000000000000000000/will')], 2],
  ['a will elsewhere', [device.token, will('v1/devices/me/heartbeat')], 2],
  ['a system will', [device.token, will('$SYS/x')], 2],
  ['a retained will', [device.token, will('v1/devices/me/will', true)], 2],
  ['MQTT 3.1', [device.token, { protocolId: 'MQIsdp', protocolVersion: 3 }], 1],
  ['MQTT 5', [device.token, { protocolVersion: 5 }], 1],
]

for (const [what, packet, code] of cases)
  test(`CONNACK ${code}: ${what}`, async () => {
    assert.is(await connackOf(port, connectWith(...packet)), code)
  })

test('a client id of an object property harms nobody', async () => {
  for (const clientId of ['__proto__', 'constructor', 'toString'])
    assert.is(await connackOf(port, connectWith(device.token, { clientId })), 0)
})

test('two devices with one client id are two sessions', async () => {
  const [a, b] = [await lapel.boundDevice(), await lapel.boundDevice()]
  const first = await connectDevice(port, a.token, { clientId: 'same' })
  const second = await connectDevice(port, b.token, { clientId: 'same' })
  await first.publish('v1/devices/me/heartbeat', {})
  await second.publish('v1/devices/me/heartbeat', {})
  await first.end()
  await second.end()
})

test('the newest session of a device takes over', async () => {
  const own = await lapel.boundDevice()
  const first = await connectDevice(port, own.token)
  const second = await connectDevice(port, own.token)
  await first.closed
  await second.publish('v1/devices/me/heartbeat', {})
  await second.end()
})

test('too many takeovers in a minute close both and are recorded', async () => {
  const own = await lapel.boundDevice()
  for (let i = 0; i < 13; i += 1) {
    const one = await connectDevice(port, own.token).catch(() => undefined)
    if (!one) break
  }
  await until(
    async () => {
      const { body } = await lapel.api(`GET /v1/devices/${own.id}/history`)
      return (body['data'] as { type: string }[]).some(({ type }) => type === 'CloneSuspected')
    },
    { what: 'CloneSuspected' },
  )
})

test('an unbound device is refused with 5, and so is its HTTP call', async () => {
  const own = await lapel.boundDevice()
  await lapel.api(`POST /v1/devices/${own.id}/unbind`)
  assert.is(await connackOf(port, connectWith(own.token)), 5)
  assert.is((await lapel.call(own.token, 'GET /v1/devices/me')).status, 401)
})

test('a packet that is too large before CONNACK closes the connection', async () => {
  const room = mqttPacketBytesBeforeConnackMax - 100
  assert.is(
    await connackOf(port, connectWith(device.token, { clientId: 'c'.repeat(room - 60) })),
    0,
  )
  const raw = rawMqtt(port)
  raw.send(connectWith(device.token, { clientId: 'c'.repeat(mqttPacketBytesBeforeConnackMax) }))
  await raw.closed()
  assert.equal(raw.packets, [])
})

test('a packet that declares more than the limit after CONNACK closes the connection before its body came', async () => {
  const raw = rawMqtt(port)
  raw.send(connectWith(device.token))
  await raw.take('connack')
  const declared = mqttPacketBytesMax + 1
  raw.write(
    Buffer.from([0x32, (declared & 0x7f) | 0x80, ((declared >> 7) & 0x7f) | 0x80, declared >> 14]),
  )
  await raw.closed()
})

test('what is no MQTT is closed', async () => {
  const raw = rawMqtt(port)
  raw.write(Buffer.from('GET / HTTP/1.1\r\nhost: x\r\n\r\n'))
  await raw.closed()
})

test('a socket that never says CONNECT is closed', async () => {
  const raw = rawMqtt(port)
  await raw.closed()
})

test.after(async () => {
  await lapel.stop()
  await lapel.remove()
})

test.run()

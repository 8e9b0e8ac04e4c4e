import { Encoder } from 'cbor-x'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { observationPayloadBytesMax } from '../../protocol/limits.ts'
import { open } from '../../src/store/seal.ts'
import { connectDevice } from '../support/mqtt-device.ts'
import { beat, faultOf, openEdge } from '../support/mqtt-edge.ts'
import { until } from '../support/until.ts'

const test = suite('MQTT publish')
const edge = await openEdge({ LAPEL_RATE_DEVICE: '0' })
const { lapel, port, signedIn, listening, entriesOf } = edge
const cbor = new Encoder({ useRecords: false })

test('PUBACKs leave in the order of arrival, after the append', async () => {
  const device = await lapel.boundDevice()
  const raw = await signedIn(device)
  for (let i = 1; i <= 100; i += 1) beat(raw, i, { boot: 1, seq: i, battery_percent: i % 100 })
  const acked: (number | undefined)[] = []
  for (let i = 1; i <= 100; i += 1) acked.push((await raw.take('puback')).messageId)
  assert.equal(
    acked,
    Array.from({ length: 100 }, (_, i) => i + 1),
  )
  const stored = await entriesOf(device)
  assert.equal(
    stored.map(({ seq }) => seq),
    acked,
  )
  raw.end()
})

test('the same message again is acknowledged again, and stands once in the log', async () => {
  const device = await lapel.boundDevice()
  const raw = await signedIn(device)
  for (const id of [1, 2]) beat(raw, id, { boot: 7, seq: 1, battery_percent: 5 })
  await raw.take('puback')
  await raw.take('puback')
  beat(raw, 3, { boot: 7, seq: 1, battery_percent: 5 })
  await raw.take('puback')
  raw.end()
  const again = await signedIn(device)
  beat(again, 1, { boot: 7, seq: 1, battery_percent: 5 })
  await again.take('puback')
  again.end()
  assert.is((await entriesOf(device)).length, 1)
})

test('without numbers each delivered heartbeat counts', async () => {
  const device = await lapel.boundDevice()
  const raw = await signedIn(device)
  for (const id of [1, 2]) beat(raw, id, {})
  await raw.take('puback')
  await raw.take('puback')
  raw.end()
  assert.is((await entriesOf(device)).length, 2)
})

/** A heartbeat of exactly so many bytes, most of them in a member that nobody knows. */
const withBytes = (count: number): string => {
  const head = '{"boot":1,"seq":1,"note":"'
  return `${head}${'x'.repeat(count - head.length - 2)}"}`
}

test('as large as its kind may be it is stored', async () => {
  const device = await lapel.boundDevice()
  const raw = await signedIn(device)
  beat(raw, 1, withBytes(observationPayloadBytesMax))
  await raw.take('puback')
  raw.end()
  assert.equal(
    (await entriesOf(device)).map(({ k }) => k),
    ['heartbeat'],
  )
})

const refused: readonly (readonly [string, string, string | Buffer, string, string | undefined])[] =
  [
    ['malformed JSON', 'v1/devices/me/heartbeat', '{"battery_percent":', 'malformed', undefined],
    ['a duplicate key', 'v1/devices/me/heartbeat', '{"flags":1,"flags":2}', 'malformed', undefined],
    [
      'a wrong type',
      'v1/devices/me/heartbeat',
      '{"battery_percent":"full"}',
      'validation_failed',
      'battery_percent',
    ],
    [
      'out of range',
      'v1/devices/me/heartbeat',
      '{"battery_percent":101}',
      'validation_failed',
      'battery_percent',
    ],
    [
      'too long',
      'v1/devices/me/heartbeat',
      `{"firmware_version":"${'x'.repeat(33)}"}`,
      'validation_failed',
      'firmware_version',
    ],
    [
      'malformed CBOR',
      'v1/devices/me/heartbeat/cbor',
      Buffer.from([0xa1, 0x61]),
      'malformed',
      undefined,
    ],
    [
      'a byte string in CBOR',
      'v1/devices/me/heartbeat/cbor',
      Buffer.from(cbor.encode({ flags: Buffer.from('x') })),
      'malformed',
      undefined,
    ],
    [
      'a payload too large for its kind',
      'v1/devices/me/heartbeat',
      withBytes(observationPayloadBytesMax + 1),
      'too_large',
      undefined,
    ],
    ['an unknown topic', 'v1/devices/me/weather', '{}', 'unknown_topic', undefined],
    ['an unknown version', 'v2/devices/me/heartbeat', '{}', 'unknown_version', undefined],
    ['a report of settings', 'v1/devices/me/settings/reported', '{}', 'not_implemented', undefined],
  ]

test('what cannot be taken is acknowledged, answered, kept for inspection, and the connection stays', async () => {
  for (const [what, topic, payload, code, field] of refused) {
    const device = await lapel.boundDevice()
    const raw = await listening(device)
    beat(raw, 9, payload, topic)
    assert.is((await raw.take('puback')).messageId, 9, what)
    if (!topic.endsWith('/cbor')) {
      const said = await faultOf(raw)
      assert.equal(
        [said['code'], said['field'], said['topic'], said['fatal']],
        [code, field, topic, true],
        what,
      )
    }
    beat(raw, 10, {})
    await raw.take('puback')
    const [rejected] = await entriesOf(device)
    assert.ok(rejected?.k === 'rejected' && rejected.data.code === code, what)
    raw.end()
  }
})

test('a reject is sealed under the owner, and at most ten a minute are kept', async () => {
  const device = await lapel.boundDevice()
  const raw = await signedIn(device)
  for (let i = 1; i <= 15; i += 1) beat(raw, i, `{"secret words ${i}`)
  for (let i = 1; i <= 15; i += 1) await raw.take('puback')
  raw.end()
  const kept = await entriesOf(device)
  assert.is(kept.length, 10)
  assert.not.match(JSON.stringify(kept), /secret words/)
  const [first] = kept
  assert.ok(
    first?.k === 'rejected' &&
      first.data.sealed !== undefined &&
      first.data.sealed_for === device.endUser,
  )
  assert.is(open(first.data.sealed, Buffer.alloc(32)), undefined)
})

test("a device's name is sealed in the log, and shown in the row", async () => {
  const device = await lapel.boundDevice()
  const raw = await signedIn(device)
  beat(raw, 1, { device_name: "Ada's pin", battery_percent: 50 })
  await raw.take('puback')
  raw.end()
  assert.not.match(JSON.stringify(await entriesOf(device)), /Ada's pin/)
  await until(
    async () => (await lapel.api(`GET /v1/devices/${device.id}`)).body['name'] === "Ada's pin",
    { what: 'the name' },
  )
})

test('CBOR is taken, and answered in CBOR', async () => {
  const device = await lapel.boundDevice()
  const raw = await listening(device)
  beat(
    raw,
    2,
    Buffer.from(cbor.encode({ boot: 3, seq: 4, battery_percent: 44 })),
    'v1/devices/me/heartbeat/cbor',
  )
  await raw.take('puback')
  beat(raw, 3, Buffer.from(cbor.encode({ firmware_version: '2.0' })), 'v1/devices/me/boot/cbor')
  await raw.take('puback')
  const time = await until(
    () =>
      raw.packets.find(
        (one) => one.cmd === 'publish' && one.topic === 'v1/devices/me/down/time/cbor',
      ),
    { what: 'time in CBOR' },
  )
  assert.ok(time.cmd === 'publish' && cbor.decode(time.payload as Buffer).now)
  raw.end()
  const [first] = await entriesOf(device)
  assert.ok(first?.k === 'heartbeat' && first.data.battery_percent === 44 && first.seq === 4)
})

const trespasses: readonly (readonly [string, string, boolean])[] = [
  ["another device's topic", 'v1/devices/dev_0000000000000000000000/heartbeat', false],
  ['a system topic', '$SYS/x/new/clients', false],
  ['a topic of nobody', 'hello', false],
  ['a wildcard', 'v1/devices/+/heartbeat', false],
  ['a wildcard for all', 'v1/devices/me/#', false],
  ['retained', 'v1/devices/me/heartbeat', true],
  ['more than eight levels', `v1/devices/me/${'x/'.repeat(6)}x`, false],
]

const trespassesCounted = async (): Promise<number> => {
  const text = await (await fetch(`${lapel.http}/metrics`)).text()
  return Number(/^lapel_mqtt_trespasses_total (\d+)$/m.exec(text)?.[1] ?? 0)
}

for (const [what, topic, retain] of trespasses)
  test(`${what}: no PUBACK, the connection is closed, and it is counted as what it is`, async () => {
    const device = await lapel.boundDevice()
    const raw = await signedIn(device)
    const before = await trespassesCounted()
    raw.send({ cmd: 'publish', topic, messageId: 1, qos: 1, dup: false, retain, payload: '{}' })
    await raw.closed()
    assert.not.ok(raw.packets.some(({ cmd }) => cmd === 'puback'))
    assert.equal(await entriesOf(device), [])
    assert.is(await trespassesCounted(), before + 1)
  })

test('PINGREQ is answered while messages wait for the log', async () => {
  const device = await lapel.boundDevice()
  const raw = await signedIn(device)
  for (let i = 1; i <= 8; i += 1) beat(raw, i, { boot: 1, seq: i })
  raw.send({ cmd: 'pingreq' })
  await raw.take('pingresp')
  raw.end()
})

test('a heartbeat of QoS 0 is taken', async () => {
  const device = await lapel.boundDevice()
  const client = await connectDevice(port, device.token)
  client.client.publish('v1/devices/me/heartbeat', '{"battery_percent":12}', { qos: 0 })
  await until(
    async () => (await lapel.api(`GET /v1/devices/${device.id}`)).body['battery_percent'] === 12,
    { what: 'the row' },
  )
  await client.end()
})

test.after(edge.end)

test.run()

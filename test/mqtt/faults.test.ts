import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { mqttBurstMessages, mqttHoldBackMsMax, mqttRestMs } from '../../protocol/limits.ts'
import { eventStorePid } from '../support/event-store-pid.ts'
import { beat, faultOf, openEdge } from '../support/mqtt-edge.ts'
import { connackOf, connectWith } from '../support/raw-mqtt.ts'
import type { BoundDevice } from '../support/served-lapel.ts'
import { until } from '../support/until.ts'

const test = suite('MQTT when things fail')
const perSecond = 20
const edge = await openEdge({ LAPEL_RATE_DEVICE: `${perSecond}` })
const { lapel, port, signedIn, listening, entriesOf } = edge

const ready = async (): Promise<number> => (await fetch(`${lapel.http}/health/ready`)).status

test('while the event store stands still there is no PUBACK; when it goes on, there is', async () => {
  const device = await lapel.boundDevice()
  const raw = await signedIn(device)
  beat(raw, 1, { boot: 1, seq: 1 })
  await raw.take('puback')
  const pid = eventStorePid(lapel.data)
  process.kill(pid, 'SIGSTOP')
  beat(raw, 2, { boot: 1, seq: 2 })
  raw.send({ cmd: 'pingreq' })
  await raw.take('pingresp')
  assert.is(raw.packets.filter(({ cmd }) => cmd === 'puback').length, 1)
  process.kill(pid, 'SIGCONT')
  assert.is((await raw.take('puback')).messageId, 2)
  raw.end()
  assert.is((await entriesOf(device)).length, 2)
})

test('an event store that stays away closes the sockets, turns readiness red, and all comes back by itself', async () => {
  const device = await lapel.boundDevice()
  const raw = await signedIn(device)
  const pid = eventStorePid(lapel.data)
  process.kill(pid, 'SIGSTOP')
  beat(raw, 1, { boot: 1, seq: 1 })
  await raw.closed()
  assert.not.ok(raw.packets.some(({ cmd }) => cmd === 'puback'))
  assert.is(await ready(), 503)
  assert.is(await connackOf(port, connectWith(device.token)), 3)
  const { status, headers } = await lapel
    .api('POST /v1/end-users', {})
    .catch(() => ({ status: 0, headers: new Headers() }))
  assert.ok(status === 503 && headers.get('retry-after'), `${status}`)
  process.kill(pid, 'SIGCONT')
  await until(async () => (await ready()) === 200, {
    msMax: 30_000,
    what: 'a node that is ready again',
  })
  const again = await until(() => signedIn(device).catch(() => undefined), {
    msMax: 20_000,
    what: 'a sign-in',
  })
  beat(again, 1, { boot: 1, seq: 2, battery_percent: 9 })
  await again.take('puback')
  again.end()
  await until(
    async () => (await lapel.api(`GET /v1/devices/${device.id}`)).body['battery_percent'] === 9,
    {
      msMax: 20_000,
      what: 'the row',
    },
  )
})

test('an event store that is killed is started again, and nothing that was acknowledged is lost', async () => {
  const device = await lapel.boundDevice()
  const raw = await signedIn(device)
  beat(raw, 1, { boot: 1, seq: 1 })
  await raw.take('puback')
  process.kill(eventStorePid(lapel.data), 'SIGKILL')
  await until(async () => (await ready()) === 200, { msMax: 30_000, what: 'a node that is ready' })
  raw.end()
  const again = await until(() => signedIn(device).catch(() => undefined), {
    msMax: 20_000,
    what: 'a sign-in',
  })
  for (const seq of [1, 2]) beat(again, seq, { boot: 1, seq })
  await again.take('puback')
  await again.take('puback')
  again.end()
  assert.equal(
    (await entriesOf(device)).map(({ seq }) => seq),
    [1, 2],
  )
})

test('over its rate a device is held back, told so, and loses nothing', async () => {
  const device = await lapel.boundDevice()
  const raw = await listening(device)
  const messages = 560
  for (let i = 1; i <= messages; i += 1) beat(raw, i, { boot: 1, seq: i })
  const said = await faultOf(raw)
  assert.is(said['code'], 'rate_limited')
  assert.ok(Number(said['retry_after']) >= 1)
  raw.send({ cmd: 'pingreq' })
  await raw.take('pingresp')
  const acknowledged = raw.packets.filter(({ cmd }) => cmd === 'puback').length
  assert.ok(acknowledged < messages, 'PINGREQ is answered while messages are held back')
  for (let i = 1; i <= messages; i += 1) assert.is((await raw.take('puback')).messageId, i)
  raw.end()
  assert.is((await entriesOf(device)).length, messages)
})

test('who goes on over its rate is closed, and what was not acknowledged may be sent again', async () => {
  const device = await lapel.boundDevice()
  const raw = await signedIn(device)
  // The burst, what may be held back, and some more.
  const messages = mqttBurstMessages + (perSecond * mqttHoldBackMsMax) / 1_000 + 50
  for (let i = 1; i <= messages; i += 1) beat(raw, i, { boot: 1, seq: i })
  await raw.closed()
  assert.ok(raw.packets.filter(({ cmd }) => cmd === 'puback').length < messages)
  const cutAt = performance.now()
  assert.is(await connackOf(port, connectWith(device.token)), 3)
  assert.ok(performance.now() - cutAt > mqttRestMs / 2, 'its CONNECT is held back too')
  const again = await signedIn(device)
  beat(again, 1, { boot: 1, seq: messages })
  await again.take('puback')
  again.end()
})

test('who goes on with QoS 0 is closed as well', async () => {
  const raw = await signedIn(await lapel.boundDevice())
  const [topic, payload] = ['v1/devices/me/heartbeat', '{}']
  const messages = mqttBurstMessages + 2 * (perSecond * mqttHoldBackMsMax) * 1e-3
  for (let i = 0; i < messages; i += 1)
    raw.send({ cmd: 'publish', topic, payload, qos: 0, dup: false, retain: false })
  await raw.closed()
})

test('what is held back of a device that is unbound meanwhile is not stored', async () => {
  const device = await lapel.boundDevice()
  const raw = await listening(device)
  const messages = mqttBurstMessages + 0.9 * (perSecond * mqttHoldBackMsMax) * 1e-3
  for (let i = 1; i <= messages; i += 1) beat(raw, i, { boot: 1, seq: i })
  await faultOf(raw)
  await lapel.api(`POST /v1/devices/${device.id}/unbind`)
  await raw.closed()
  const closedAt = new Date().toISOString()
  const next = await lapel.api('POST /v1/end-users', { name: 'Next' })
  const bound = await lapel.api(`POST /v1/devices/${device.id}/bind`, {
    end_user_id: next.body['id'],
  })
  // The rate is the device's: what this one sends waits longer than what the last one had sent.
  const again = await signedIn({ ...device, token: String(bound.body['device_token']) })
  beat(again, 1, { boot: 2, seq: 1 })
  await again.take('puback')
  again.end()
  const late = (await entriesOf(device)).filter(({ rx }) => rx > closedAt)
  assert.equal(
    late.map((entry) => 'boot' in entry && entry.boot),
    [2],
  )
})

const ended: readonly (readonly [string, (device: BoundDevice) => Promise<unknown>])[] = [
  ['unbound', ({ id }) => lapel.api(`POST /v1/devices/${id}/unbind`)],
  ['retired, and its token with it', ({ id }) => lapel.api(`DELETE /v1/devices/${id}`)],
  [
    'bound anew',
    async ({ id }) => {
      await lapel.api(`POST /v1/devices/${id}/unbind`)
      const { body } = await lapel.api('POST /v1/end-users', { name: 'Next' })
      await lapel.api(`POST /v1/devices/${id}/bind`, { end_user_id: body['id'] })
    },
  ],
]

for (const [what, end] of ended)
  test(`a device that is ${what}: its socket closes at once, and its token is refused with 5`, async () => {
    const device = await lapel.boundDevice()
    const raw = await signedIn(device)
    const asked = performance.now()
    await end(device)
    await raw.closed()
    assert.ok(performance.now() - asked < 5_000)
    assert.is(await connackOf(port, connectWith(device.token)), 5)
  })

test.after(edge.end)

test.run()

import { join } from 'node:path'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { type RunningLapel, startLapelProcess } from '../support/lapel.ts'
import { connectDevice } from '../support/mqtt-device.ts'
import { connectWith, rawMqtt } from '../support/raw-mqtt.ts'
import { until } from '../support/until.ts'

const test = suite('two nodes on one log')
const first = await startLapelProcess()
const second = await startLapelProcess({
  EVENTSTORE_URL: first.node.eventstore_url,
  DATABASE_URL: first.node.database_url,
  LAPEL_SECRETS: join(first.data, 'secrets.json'),
})
const { key } = (await first.cli('keys', 'create', '--mode', 'test')) as { key: string }

const boundDevice = async (on: RunningLapel, serial: string) => {
  const person = await on.call(key, 'POST /v1/end-users', { name: serial })
  const device = await on.call(key, 'POST /v1/devices', {
    serial_number: serial,
    model: 'bota_pin',
  })
  const id = String(device.body['id'])
  const bound = await on.call(key, `POST /v1/devices/${id}/bind`, {
    end_user_id: person.body['id'],
  })
  return { id, token: String(bound.body['device_token']) }
}

test('a key made on one works on the other', async () => {
  const { status } = await second.call(key, 'GET /v1/devices')
  assert.is(status, 200)
})

test('each serves a device, and a token issued on one signs in on the other', async () => {
  const a = await boundDevice(first, 'A')
  const b = await boundDevice(second, 'B')
  const onSecond = await connectDevice(second.mqttPort, a.token)
  const onFirst = await connectDevice(first.mqttPort, b.token)
  await onSecond.publish('v1/devices/me/heartbeat', { battery_percent: 11 })
  await onFirst.publish('v1/devices/me/heartbeat', { battery_percent: 22 })
  for (const [id, percent] of [
    [a.id, 11],
    [b.id, 22],
  ] as const)
    await until(
      async () => {
        const { body } = await second.call(key, `GET /v1/devices/${id}`)
        return body['battery_percent'] === percent
      },
      { what: `${percent} percent` },
    )
  await onSecond.end()
  await onFirst.end()
})

test('a revoke on one closes the socket on the other', async () => {
  const { id, token } = await boundDevice(first, 'C')
  const device = await connectDevice(second.mqttPort, token)
  const unbound = await first.call(key, `POST /v1/devices/${id}/unbind`)
  assert.is(unbound.status, 200)
  await device.closed
  const refused = await connectDevice(second.mqttPort, token).catch(
    (error: { code?: number }) => error,
  )
  assert.is((refused as { code?: number }).code, 5)
})

test('a device that comes up on one node is taken over from the other', async () => {
  const { token } = await boundDevice(first, 'D')
  const old = await connectDevice(first.mqttPort, token)
  const fresh = await connectDevice(second.mqttPort, token)
  await old.closed
  await fresh.publish('v1/devices/me/heartbeat', { battery_percent: 33 })
  await fresh.end()
})

test('of two sessions that begin at once on both nodes one is left, and it works', async () => {
  const { token } = await boundDevice(first, 'J')
  for (let round = 1; round <= 3; round += 1) {
    const both = [first, second].map(({ mqttPort }) => rawMqtt(mqttPort))
    for (const raw of both) raw.send(connectWith(token))
    const left = () => both.filter((raw) => !raw.isClosed())
    const [last] = await until(() => left().length === 1 && left(), { what: 'the end of one' })
    last?.send({
      cmd: 'publish',
      topic: 'v1/devices/me/heartbeat',
      messageId: round,
      qos: 1,
      dup: false,
      retain: false,
      payload: '{}',
    })
    assert.is((await last?.take('puback'))?.messageId, round)
    last?.end()
  }
})

test('what one wrote the other reads at that position', async () => {
  const { id } = await boundDevice(first, 'E')
  for (let n = 0; n < 5; n += 1) {
    const body = { metadata: { n } }
    const written = await first.call(key, `PATCH /v1/devices/${id}`, body)
    const position = written.headers.get('position') ?? ''
    assert.match(position, /^\d+$/)
    const read = await second.call(key, `GET /v1/devices/${id}`, undefined, {
      'min-position': position,
    })
    assert.equal([read.status, read.body['metadata']], [200, { n }])
  }
})

test('a key revoked on one is dead on the other', async () => {
  const times: number[] = []
  for (let n = 0; n < 20; n += 1) {
    const made = await first.call(key, 'POST /v1/api-keys', {})
    const own = String(made.body['key'])
    assert.is((await second.call(own, 'GET /v1/devices')).status, 200)
    const revoked = await first.call(key, `DELETE /v1/api-keys/${made.body['id']}`)
    assert.is(revoked.status, 200)
    const since = performance.now()
    await until(async () => (await second.call(own, 'GET /v1/devices')).status === 401, {
      what: 'the end of the key',
    })
    times.push(performance.now() - since)
  }
  const [, , tenth] = times.sort((a, b) => b - a)
  assert.ok(tenth !== undefined && tenth < 250, `${times.map(Math.round)} ms`)
})

test('an Idempotency-Key holds on every node, for twins at once and for who comes late', async () => {
  const nodes = [first, second, first, second]
  const requests: readonly (readonly [string, object])[] = [
    ['POST /v1/devices', { serial_number: 'TWINS', model: 'bota_pin' }],
    ['POST /v1/end-users', { external_id: 'twins' }],
    ['POST /v1/api-keys', { name: 'Twins' }],
  ]
  for (const [route, body] of requests) {
    const ask = (node: RunningLapel) => node.call(key, route, body, { 'idempotency-key': 'twins' })
    const answers = [...(await Promise.all(nodes.map(ask))), await ask(second), await ask(first)]
    assert.equal(new Set(answers.map(({ status }) => status)), new Set([201]), route)
    assert.is(new Set(answers.map((answer) => answer.body['id'])).size, 1, route)
    const replayed = answers.map(({ headers }) => headers.get('idempotent-replayed'))
    assert.is(replayed.filter((one) => one === null).length, 1, route)
  }
  const { id } = await boundDevice(first, 'F')
  const unbind = (node: RunningLapel) =>
    node.call(key, `POST /v1/devices/${id}/unbind`, {}, { 'idempotency-key': 'unbind' })
  const answers = await Promise.all(nodes.map(unbind))
  assert.equal(new Set(answers.map(({ status }) => status)), new Set([200]))
  const history = await second.call(key, `GET /v1/devices/${id}/history`)
  assert.is((history.body['data'] as unknown[]).length, 5)
})

const presenceOf = async (id: string) => {
  const { body } = await first.call(key, `GET /v1/devices/${id}`)
  return [body['online'], body['session_reason'], typeof body['session_since']]
}

test('online while its session is open on either node, with since and reason', async () => {
  const { id, token } = await boundDevice(first, 'F')
  assert.equal(await presenceOf(id), [false, null, 'object'])
  const device = await connectDevice(second.mqttPort, token)
  await until(async () => (await presenceOf(id))[0] === true, { what: 'online' })
  assert.equal(await presenceOf(id), [true, 'connected', 'string'])
  await device.end()
  await until(async () => (await presenceOf(id))[0] === false, { what: 'offline' })
  assert.match(String((await presenceOf(id))[1]), /^(disconnected|lost)$/)
})

test('a node that stands still past its lease: its devices are offline at once for the other, and it comes back as another', async () => {
  const { id, token } = await boundDevice(first, 'G')
  const device = await connectDevice(second.mqttPort, token)
  await until(async () => (await presenceOf(id))[0] === true, { what: 'online' })
  const readiness = async () => {
    const response = await fetch(`${second.http}/health/ready`)
    const { node } = (await response.json()) as { node: string }
    return { status: response.status, node }
  }
  const before = await readiness()
  process.kill(second.node.pid, 'SIGSTOP')
  try {
    await until(async () => (await presenceOf(id))[1] === 'node_lost', {
      msMax: 15_000,
      what: 'the end of its sessions',
    })
  } finally {
    process.kill(second.node.pid, 'SIGCONT')
  }
  let acknowledged = false
  device.publish('v1/devices/me/heartbeat', { battery_percent: 99 }).then(
    () => {
      acknowledged = true
    },
    () => {},
  )
  await device.closed
  assert.not.ok(acknowledged)
  await until(async () => (await readiness()).status === 200, { what: 'a node that is ready' })
  assert.is.not((await readiness()).node, before.node)
  const again = await connectDevice(second.mqttPort, token)
  await until(async () => (await presenceOf(id))[0] === true, { what: 'online again' })
  await again.end()
})

test('a node that is killed leaves no device online', async () => {
  const { id, token } = await boundDevice(first, 'H')
  const device = await connectDevice(second.mqttPort, token)
  await until(async () => (await presenceOf(id))[0] === true, { what: 'online' })
  await second.kill9()
  await device.closed
  await until(async () => (await presenceOf(id))[1] === 'node_lost', {
    msMax: 15_000,
    what: 'the end of its sessions',
  })
  const here = await connectDevice(first.mqttPort, token)
  await until(async () => (await presenceOf(id))[0] === true, { what: 'online here' })
  await here.end()
})

test('how long a revoked socket lived is measured', async () => {
  const { id, token } = await boundDevice(first, 'I')
  const device = await connectDevice(first.mqttPort, token)
  await first.call(key, `POST /v1/devices/${id}/unbind`)
  await device.closed
  const metrics = await (await fetch(`${first.http}/metrics`)).text()
  const [, count] = /^lapel_revoke_to_closed_seconds_count (\d+)$/m.exec(metrics) ?? []
  assert.ok(Number(count) >= 1, metrics.slice(0, 200))
})

test.after(async () => {
  await second.stop()
  await first.stop()
  await second.remove()
  await first.remove()
})

test.run()

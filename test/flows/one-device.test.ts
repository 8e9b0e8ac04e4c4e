import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { startLapelProcess } from '../support/lapel.ts'
import { connectDevice } from '../support/mqtt-device.ts'
import { until } from '../support/until.ts'

const test = suite('one device, from registration to revocation')
const lapel = await startLapelProcess()
const { key } = (await lapel.cli('keys', 'create', '--mode', 'test')) as { key: string }
const call = (route: string, body?: unknown) => lapel.call(key, route, body)
const known = { id: '', token: '', endUser: '' }

test('the first start made one project and printed its test key once', () => {
  assert.is(lapel.output().match(/sk_test_[0-9A-Za-z]{50}/g)?.length, 1)
})

test('a device is registered, once', async () => {
  const body = { serial_number: 'SN-1', model: 'bota_pin', metadata: { lot: 7 } }
  const first = await call('POST /v1/devices', body)
  const second = await call('POST /v1/devices', body)
  assert.equal([first.status, second.status], [201, 200])
  assert.is(first.body['id'], second.body['id'])
  assert.equal([first.body['status'], first.body['battery_percent']], ['unbound', null])
  known.id = String(first.body['id'])
})

test('it is bound to a person and gets its token, once', async () => {
  const person = await call('POST /v1/end-users', { name: 'Ada', external_id: 'ada' })
  assert.is(person.status, 201)
  known.endUser = String(person.body['id'])
  const bound = await call(`POST /v1/devices/${known.id}/bind`, { end_user_id: known.endUser })
  assert.is(bound.status, 200)
  assert.match(String(bound.body['device_token']), /^dtok_[0-9A-Za-z]{50}$/)
  known.token = String(bound.body['device_token'])
  const read = await call(`GET /v1/devices/${known.id}`)
  assert.equal([read.body['status'], read.body['end_user_id']], ['bound', known.endUser])
  assert.is(read.body['device_token'], undefined)
  const again = await call(`POST /v1/devices/${known.id}/bind`, { end_user_id: known.endUser })
  assert.equal(
    [again.status, (again.body['error'] as { code: string }).code],
    [409, 'device_already_bound'],
  )
})

test('its heartbeat is acknowledged, and read from the projections', async () => {
  const device = await connectDevice(lapel.mqttPort, known.token)
  await device.publish('v1/devices/me/heartbeat', { boot: 1, seq: 1, battery_percent: 81 })
  const row = await until(
    async () => {
      const { body } = await call(`GET /v1/devices/${known.id}`)
      return body['battery_percent'] === 81 ? body : undefined
    },
    { what: 'the heartbeat in the row' },
  )
  assert.is(row['online'], true)
  assert.ok(row['last_heartbeat_at'])
  await device.end()
})

test('unbinding closes its socket and refuses its token', async () => {
  const device = await connectDevice(lapel.mqttPort, known.token)
  const unbound = await call(`POST /v1/devices/${known.id}/unbind`)
  assert.equal([unbound.status, unbound.body['status']], [200, 'unbound'])
  await device.closed
  const refused = await connectDevice(lapel.mqttPort, known.token).catch(
    (error: { code?: number }) => error,
  )
  assert.is((refused as { code?: number }).code, 5)
  const overHttp = await lapel.call(known.token, 'POST /v1/devices/me/heartbeat', {})
  assert.is(overHttp.status, 401)
})

test('its history says all of it, newest first', async () => {
  const { status, body } = await call(`GET /v1/devices/${known.id}/history`)
  assert.is(status, 200)
  const events = body['data'] as { type: string; data: object }[]
  assert.equal(
    events.map(({ type }) => type),
    ['DeviceTokenRevoked', 'DeviceUnbound', 'DeviceTokenIssued', 'DeviceBound', 'DeviceRegistered'],
  )
  assert.not.match(JSON.stringify(events), /hmac|salt|pepper/)
})

test('what was written survives a kill -9 of everything', async () => {
  await lapel.kill9()
  const again = await startLapelProcess({}, { path: lapel.data, remove: lapel.remove })
  const { status, body } = await again.call(key, `GET /v1/devices/${known.id}`)
  assert.equal([status, body['status'], body['battery_percent']], [200, 'unbound', 81])
  assert.not.match(again.output(), /sk_test_[0-9A-Za-z]{50}/)
  assert.is(await again.stop(), 0)
})

test.after(async () => {
  await lapel.remove()
})

test.run()

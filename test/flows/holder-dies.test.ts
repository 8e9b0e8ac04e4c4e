import { join } from 'node:path'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { freshDatabase } from '../support/database.ts'
import { startEventStore } from '../support/event-store.ts'
import { startLapelProcess } from '../support/lapel.ts'
import { connectDevice } from '../support/mqtt-device.ts'
import { until } from '../support/until.ts'

const test = suite('the node that moves the read models dies')
const eventStore = await startEventStore()
const database = await freshDatabase()
const stores = { EVENTSTORE_URL: eventStore.url, DATABASE_URL: database.url }
const holder = await startLapelProcess(stores)
const { key } = (await holder.cli('keys', 'create', '--mode', 'test')) as { key: string }
// It comes when there is a holder already: all that is read was moved by that one.
const other = await startLapelProcess({
  ...stores,
  LAPEL_SECRETS: join(holder.data, 'secrets.json'),
})

test('the other goes on within seconds, with what was stored in between', async () => {
  const person = await other.call(key, 'POST /v1/end-users', { name: 'Ada' })
  const made = await other.call(key, 'POST /v1/devices', { serial_number: 'S-1', model: 'pin' })
  const route = `/v1/devices/${made.body['id']}`
  const body = { end_user_id: person.body['id'] }
  const bound = await other.call(key, `POST ${route}/bind`, body)
  const device = await connectDevice(other.mqttPort, String(bound.body['device_token']))
  await device.publish('v1/devices/me/heartbeat', { boot: 1, seq: 1, battery_percent: 1 })
  await holder.kill9()
  await device.publish('v1/devices/me/heartbeat', { boot: 1, seq: 2, battery_percent: 2 })
  const percent = async () => (await other.call(key, `GET ${route}`)).body['battery_percent']
  const died = performance.now()
  await until(async () => (await percent()) === 2, { msMax: 20_000, what: 'the row' })
  assert.ok(performance.now() - died < 10_000)
  await device.end()
})

test.after(async () => {
  await other.stop()
  await other.remove()
  await holder.remove()
  await database.drop()
  await eventStore.stop()
})

test.run()

import { randomBytes } from 'node:crypto'
import { join } from 'node:path'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { mintToken } from '../../protocol/tokens.ts'
import { startLapelProcess } from '../support/lapel.ts'
import { connectDevice } from '../support/mqtt-device.ts'
import { connackOf, connectWith } from '../support/raw-mqtt.ts'
import { serveLapel } from '../support/served-lapel.ts'
import { slowProxy } from '../support/slow-proxy.ts'
import { until } from '../support/until.ts'

const test = suite('MQTT while the databases are slow or gone')
const first = await serveLapel()
const addressOf = (url: string) => {
  const { hostname, port } = new URL(url.replace(/^esdb/, 'http'))
  return { host: hostname, port: Number(port) }
}
const eventStore = await slowProxy(addressOf(first.node.eventstore_url))
const postgres = await slowProxy(addressOf(first.node.database_url))
const through = (url: string, { port }: { port: number }) => {
  const changed = new URL(url.replace(/^esdb/, 'http'))
  changed.hostname = '127.0.0.1'
  changed.port = `${port}`
  return url.startsWith('esdb') ? changed.href.replace(/^http/, 'esdb') : changed.href
}
const node = await startLapelProcess({
  EVENTSTORE_URL: through(first.node.eventstore_url, eventStore),
  DATABASE_URL: through(first.node.database_url, postgres),
  LAPEL_SECRETS: join(first.data, 'secrets.json'),
})

const readiness = async () => {
  const response = await fetch(`${node.http}/health/ready`)
  const { checks } = (await response.json()) as { checks: { postgres: { status: string } } }
  return [response.status, checks.postgres.status]
}
const heartbeat = 'v1/devices/me/heartbeat'

test('a slow event store: every PUBACK comes, later, and the node stays ready', async () => {
  const device = await first.boundDevice()
  const client = await connectDevice(node.mqttPort, device.token)
  eventStore.delayMs = 150
  try {
    const asked = performance.now()
    const all = [1, 2, 3, 4, 5].map((seq) => client.publish(heartbeat, { boot: 1, seq }))
    await Promise.all(all)
    const took = performance.now() - asked
    assert.ok(took >= 290 && took < 5_000, `${took} ms`)
    assert.is((await readiness())[0], 200)
    assert.is(await connackOf(node.mqttPort, connectWith((await first.boundDevice()).token)), 0)
  } finally {
    eventStore.delayMs = 0
  }
  await client.end()
})

test('a slow Postgres: who was never seen here signs in, later', async () => {
  const device = await first.boundDevice()
  postgres.delayMs = 150
  try {
    assert.is(await connackOf(node.mqttPort, connectWith(device.token)), 0)
  } finally {
    postgres.delayMs = 0
  }
})

test('no Postgres: ingest and who is known go on, who is not is told to come back, and it is said', async () => {
  const [known, stranger] = [await first.boundDevice(), await first.boundDevice()]
  const client = await connectDevice(node.mqttPort, known.token)
  postgres.delayMs = Number.POSITIVE_INFINITY
  try {
    await until(async () => (await readiness())[1] === 'failing', { what: 'the check of Postgres' })
    assert.equal(await readiness(), [200, 'failing'])
    await client.publish(heartbeat, { boot: 1, seq: 1, battery_percent: 63 })
    await client.end()
    assert.is(await connackOf(node.mqttPort, connectWith(known.token)), 0)
    const nobody = mintToken('dtok', randomBytes).text
    assert.is(await connackOf(node.mqttPort, connectWith(nobody)), 3)
    const answer = await node.call(first.key, `GET /v1/devices/${stranger.id}`)
    assert.is(answer.status, 503)
  } finally {
    postgres.delayMs = 0
  }
  await until(
    async () => (await first.api(`GET /v1/devices/${known.id}`)).body['battery_percent'] === 63,
    { what: 'the row, by the node whose Postgres answers' },
  )
})

test.after(async () => {
  await node.stop()
  await eventStore.close()
  await postgres.close()
  await node.remove()
  await first.stop()
  await first.remove()
})

test.run()

import { binaryEvent, EventStoreDBClient } from '@eventstore/db-client'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { type Databases, openDatabases } from '../../src/embedded/event-store/database.ts'
import { startEventStore } from '../../src/embedded/event-store/server.ts'
import { connectWith, type RawMqtt, rawMqtt } from '../support/raw-mqtt.ts'
import { type BoundDevice, serveLapel } from '../support/served-lapel.ts'
import { temporaryFolder } from '../support/temporary-folder.ts'
import { until } from '../support/until.ts'

const test = suite('MQTT while the disk of the event store is full')
const folder = await temporaryFolder()
const opened: Databases[] = []
const server = await startEventStore({
  dataDir: folder.path,
  host: '127.0.0.1',
  port: 0,
  now: Date.now,
  onBroken: (error) => {
    throw error
  },
  open: async (path) => {
    const files = await openDatabases(path)
    opened.push(files)
    return files
  },
})
const client = EventStoreDBClient.connectionString(server.url)
const lapel = await serveLapel({ EVENTSTORE_URL: server.url })

// SQLite's own limit of a file stands in for the disk's: the same error by the same way.
const limitPages = (count: number) => opened[0]?.writer.exec(`pragma max_page_count = ${count}`)

/** Takes what room is left, in smaller and smaller pieces. */
const fill = async (): Promise<void> => {
  for (const bytes of [50_000, 5_000, 500, 50])
    for (let isFull = false; !isFull; )
      isFull = await client
        .appendToStream('ballast', binaryEvent({ type: 'a', data: Buffer.alloc(bytes, 1) }))
        .then(
          () => false,
          () => true,
        )
}

const ready = async (): Promise<number> => (await fetch(`${lapel.http}/health/ready`)).status

const signedIn = async ({ token }: BoundDevice): Promise<RawMqtt> => {
  const raw = rawMqtt(lapel.mqttPort)
  raw.send(connectWith(token))
  const { returnCode } = await raw.take('connack')
  assert.is(returnCode, 0)
  return raw
}

const beat = (raw: RawMqtt, seq: number): void =>
  raw.send({
    cmd: 'publish',
    topic: 'v1/devices/me/heartbeat',
    messageId: seq,
    qos: 1,
    dup: false,
    retain: false,
    payload: JSON.stringify({ boot: 1, seq, battery_percent: seq }),
  })

test('no PUBACK, readiness red, the sockets closed; with room again all comes back by itself, and what was acknowledged is there', async () => {
  const device = await lapel.boundDevice()
  const raw = await signedIn(device)
  beat(raw, 1)
  assert.is((await raw.take('puback')).messageId, 1)

  limitPages(1)
  await until(
    async () => {
      await fill()
      return (await ready()) === 503
    },
    { msMax: 60_000, what: 'a readiness that is red' },
  )
  if (!raw.isClosed()) beat(raw, 2)
  await raw.closed()
  const pubacks = raw.packets.filter(({ cmd }) => cmd === 'puback')
  assert.is(pubacks.length, 1)

  limitPages(1_073_741_823)
  await until(async () => (await ready()) === 200, { msMax: 30_000, what: 'readiness' })
  const again = await until(() => signedIn(device), { msMax: 20_000, what: 'a sign-in' })
  beat(again, 3)
  assert.is((await again.take('puback')).messageId, 3)
  again.end()
  await until(
    async () => (await lapel.api(`GET /v1/devices/${device.id}`)).body['battery_percent'] === 3,
    { msMax: 20_000, what: 'the row' },
  )
})

test.after(async () => {
  await lapel.stop()
  await lapel.remove()
  await client.dispose()
  await server.close()
  await folder.remove()
})

test.run()

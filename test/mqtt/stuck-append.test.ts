import { randomBytes, randomUUID } from 'node:crypto'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { appendMsMax } from '../../protocol/limits.ts'
import { openIngest } from '../../src/ingest/ingest.ts'
import { startBroker } from '../../src/mqtt/broker.ts'
import { keepLog } from '../support/keep-log.ts'
import { beat } from '../support/mqtt-edge.ts'
import { connectWith, rawMqtt } from '../support/raw-mqtt.ts'
import { authOn, boundDevice } from '../support/sign-in.ts'
import { openStage } from '../support/stage.ts'
import { until } from '../support/until.ts'

const test = suite('MQTT while appends have no answer')
const stage = await openStage()
const project = await stage.world()
const auth = await authOn(stage)
const common = {
  now: Date.now,
  monotonic: () => performance.now(),
  random: randomBytes,
  newId: randomUUID,
  log: keepLog().log,
  meter: { count: () => {}, observe: () => {} },
}
/** Observations wait for that; the node's own stream, on which its lease hangs, waits for nothing. */
let goesOn = Promise.resolve()
const store: typeof stage.store = {
  ...stage.store,
  append: async (...args) => {
    await goesOn
    return stage.store.append(...args)
  },
}
const ingest = openIngest({ ...common, store, lease: auth.lease })
const broker = await startBroker({
  ...common,
  auth,
  ingest,
  readWindow: async () => undefined,
  rates: { device: 0, project: 0, liveNodes: () => 1 },
  tcp: { host: '127.0.0.1', port: 0 },
  isProxied: false,
})

test('while the lease holds, a message that waited appendMsMax closes its connection, without a PUBACK', async () => {
  const { token } = await boundDevice(stage, project)
  const raw = rawMqtt(broker.port)
  raw.send(connectWith(token.text))
  assert.is((await raw.take('connack')).returnCode, 0)
  beat(raw, 1, { boot: 1, seq: 1 })
  await raw.take('puback')
  const stuck = Promise.withResolvers<void>()
  goesOn = stuck.promise
  const asked = performance.now()
  beat(raw, 2, { boot: 1, seq: 2 })
  raw.send({ cmd: 'pingreq' })
  await raw.take('pingresp')
  await until(() => raw.isClosed(), { msMax: 3 * appendMsMax, what: 'the end of the connection' })
  assert.ok(performance.now() - asked >= appendMsMax - 500)
  assert.is(raw.packets.filter(({ cmd }) => cmd === 'puback').length, 1)
  assert.ok(auth.lease.holds())
  stuck.resolve()
})

test.after(async () => {
  await broker.close()
  await auth.close()
  await stage.end()
})

test.run()

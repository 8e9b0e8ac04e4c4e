import { join } from 'node:path'
import { makeFleet } from '../../bench/support/fleet.ts'
import { inParallel } from '../../bench/support/lapel.ts'
import { openMqtt, topicBytes } from '../../bench/support/mqtt-socket.ts'
import { quantile } from '../../bench/support/statistics.ts'
import type { ProjectId } from '../../protocol/ids.ts'
import { connectEventStore } from '../../src/store/eventstoredb.ts'
import { type RunningLapel, startLapelProcess } from '../support/lapel.ts'
import { until } from '../support/until.ts'
import { readLog } from './verify.ts'

// `node test/chaos/storm.ts 5000`: a node is killed while so many devices are connected and send; all of them come to another at
// once, and then to the one that was started again. 1 where the p99 of CONNACK is past its bound or a message that was acknowledged is lost.

const count = Number(process.argv[2] ?? 5_000)
const connackMsBound = 5_000
const topic = topicBytes('v1/devices/me/heartbeat')

const env = { LAPEL_RATE_DEVICE: '0', LAPEL_RATE_PROJECT: '0', LAPEL_LOG: 'error' }
const first = await startLapelProcess(env)
const beside = {
  ...env,
  EVENTSTORE_URL: first.node.eventstore_url,
  DATABASE_URL: first.node.database_url,
  LAPEL_SECRETS: join(first.data, 'secrets.json'),
}
const [world] = (await first.cli('projects', 'list')) as { id_test: ProjectId }[]
if (!world) throw new Error('no project')
const source = { data: first.data, eventStoreUrl: first.node.eventstore_url }
const fleet = await makeFleet(source, world.id_test, count)

/** Of a device: what it was told is stored. */
type Device = {
  readonly token: string
  readonly id: string
  readonly acked: Set<number>
  seq: number
}
const devices: readonly Device[] = fleet.map((one) => ({
  ...one,
  acked: new Set<number>(),
  seq: 0,
}))

type Session = { readonly beat: () => void; readonly end: () => void }
let sessions: Session[] = []
let open = 0

/** One try; rejects where there is no CONNACK, or none that lets it in. */
const tryConnect = async (node: RunningLapel, device: Device): Promise<Session> => {
  const sent = new Map<number, number>()
  const onAcks = (ids: readonly number[]): void => {
    for (const id of ids) device.acked.add(sent.get(id) ?? 0)
  }
  let isOpen = false
  const onClose = (): void => {
    if (isOpen) open -= 1
  }
  const login = { clientId: 'storm', password: device.token, keepAliveSeconds: 600 }
  const { socket, publish } = await openMqtt(node.mqttPort, login, { onAcks, onClose })
  isOpen = true
  open += 1
  return {
    end: () => socket.destroy(),
    beat: () => {
      device.seq += 1
      const id = (device.seq % 65_535) + 1
      sent.set(id, device.seq)
      publish(topic, id, Buffer.from(JSON.stringify({ boot: 1, seq: device.seq })))
    },
  }
}

type Came = { readonly session: Session; readonly connackMs: number; readonly tries: number }

/** Comes again with jitter while it is told to; measured from the first byte of the try that is let in. */
const connect = async (node: RunningLapel, device: Device): Promise<Came> => {
  for (let tries = 1; ; tries += 1) {
    const from = performance.now()
    const session = await tryConnect(node, device).catch(() => undefined)
    if (session) return { session, connackMs: performance.now() - from, tries }
    if (tries > 100) throw new Error('a device was let in by nobody')
    await new Promise((resolve) =>
      setTimeout(resolve, Math.min(8_000, 500 * 2 ** tries) * Math.random()),
    )
  }
}

/** All of them at once, as far as the file descriptors of one process let. */
const storm = async (what: string, node: RunningLapel): Promise<boolean> => {
  const from = performance.now()
  const all = await inParallel(count, count, (i) => connect(node, devices[i] as Device))
  const seconds = (performance.now() - from) / 1_000
  sessions = all.map(({ session }) => session)
  const ms = all.map(({ connackMs }) => connackMs)
  const refused = all.reduce((sum, { tries }) => sum + tries - 1, 0)
  const [p50, p99] = [quantile(ms, 0.5), quantile(ms, 0.99)]
  console.log(
    `${what}: ${count} devices in ${seconds.toFixed(1)} s; CONNACK p50 ${p50.toFixed(0)} ms, p99 ${p99.toFixed(0)} ms (bound ${connackMsBound}); told to come again ${refused} times`,
  )
  return p99 <= connackMsBound
}

let second = await startLapelProcess(beside)
await storm('at first, to the node that will be killed', second)
for (const { beat } of sessions) beat()
await until(() => devices.every(({ acked }) => acked.size === 1), {
  msMax: 60_000,
  what: 'the first heartbeat of all',
})
// Killed with messages on their way.
for (const { beat } of sessions) beat()
await until(() => devices.some(({ acked }) => acked.size === 2), {
  what: 'some of the second',
  everyMs: 1,
})
await second.kill9()
await until(() => open === 0, { msMax: 30_000, what: 'the end of all sockets' })
const held = [await storm('to another node, after kill -9', first)]
for (const { beat } of sessions) beat()
second = await startLapelProcess(beside)
for (const { end } of sessions) end()
await until(() => open === 0, { msMax: 30_000, what: 'the end of all sockets' })
held.push(await storm('to the node that was started again', second))

const store = connectEventStore(first.node.eventstore_url)
const { entries } = await readLog(store)
const stored = new Set(entries.map(({ d, seq }) => `${d} ${seq}`))
const acked = devices.flatMap(({ id, acked: seqs }) => [...seqs].map((seq) => `${id} ${seq}`))
const lost = acked.filter((one) => !stored.has(one))
console.log(`${acked.length} acknowledged, ${lost.length} of them lost`)
for (const { end } of sessions) end()
await store.close()
await second.stop()
await second.remove()
await first.stop()
await first.remove()
process.exitCode = held.every(Boolean) && lost.length === 0 ? 0 : 1

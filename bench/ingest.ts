import { peerPassword, startBrokers } from './peers/brokers.ts'
import type { RunningPeer } from './peers/peer.ts'
import type { Measured, Order } from './support/generator.ts'
import { type LapelUnderTest, startLapel } from './support/lapel.ts'
import { openMqtt, topicBytes } from './support/mqtt-socket.ts'
import { runProgram } from './support/programs.ts'
import { median, quantile, table } from './support/statistics.ts'

const rounds = 2
const generator = 'bench/support/generator.ts'
const shapes = [
  { connections: 50, window: 20 },
  { connections: 500, window: 2 },
  { connections: 500, window: 8 },
] as const

const drive = (order: Order): Promise<Measured> =>
  runProgram<Measured>(generator, JSON.stringify(order))

type Broker = Pick<RunningPeer, 'name' | 'port' | 'pid'> & { readonly passwords: readonly string[] }

/** Everything interleaved, so that a busy minute of the machine falls on all alike. */
const closedLoop = async (brokers: readonly Broker[]) => {
  const results = new Map<string, Measured[]>()
  for (let round = 0; round < rounds; round += 1)
    for (const { connections, window } of shapes)
      for (const { name, port, pid, passwords } of brokers) {
        const order = {
          port,
          pid,
          passwords: passwords.slice(0, connections),
          window,
          warmupSeconds: 1,
          seconds: 3,
        }
        const key = `${name} ${connections}x${window}`
        results.set(key, [...(results.get(key) ?? []), await drive(order)])
      }
  return results
}

const rowsOf = (brokers: readonly Broker[], results: ReadonlyMap<string, readonly Measured[]>) =>
  shapes.flatMap(({ connections, window }) => {
    const of = (name: string, pick: (m: Measured) => number) =>
      median((results.get(`${name} ${connections}x${window}`) ?? []).map(pick))
    const bare = of('bare aedes', (m) => m.rate)
    return brokers.map(({ name }) => [
      `${connections} connections x ${window}  ${name}`,
      of(name, (m) => m.rate),
      of(name, (m) => m.rate) / bare,
      of(name, (m) => (m.brokerCpuSeconds / m.acked) * 1e6),
      of(name, (m) => m.p50Ms),
      of(name, (m) => m.p99Ms),
      of(name, (m) => m.closed),
    ])
  })

/** From the PUBACK of a heartbeat until `GET /v1/devices/{id}` shows it, again and again while the load runs. */
const projectionLag = async (lapel: LapelUnderTest, stop: AbortSignal): Promise<number[]> => {
  const [probe] = await lapel.bindDevices(1)
  if (!probe) return []
  let acked = () => {}
  const mqtt = await openMqtt(
    lapel.mqttPort,
    { clientId: 'probe', password: probe.token },
    { onAcks: () => acked(), onClose: () => {} },
  )
  const lags: number[] = []
  for (let n = 1; !stop.aborted; n += 1) {
    const ack = new Promise<void>((resolve) => {
      acked = resolve
    })
    mqtt.publish(
      topicBytes('v1/devices/me/heartbeat'),
      n,
      Buffer.from(JSON.stringify({ pending_recordings: n })),
    )
    await ack
    const from = performance.now()
    for (;;) {
      const { body } = await lapel.call('GET', `/v1/devices/${probe.id}`)
      const state = body['recording_state'] as { pending_recordings?: number } | null
      if (state?.pending_recordings === n || stop.aborted) break
    }
    lags.push(performance.now() - from)
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
  mqtt.socket.destroy()
  return lags
}

const lapel = await startLapel()
const peers = await startBrokers()
try {
  const devices = await lapel.bindDevices(500)
  const passwords = devices.map(({ token }) => token)
  const same = passwords.map(() => peerPassword)
  const brokers = [
    ...peers.map((peer) => ({ ...peer, passwords: same })),
    { name: 'lapel', port: lapel.mqttPort, pid: lapel.pid, passwords },
  ]
  const results = await closedLoop(brokers)
  const head = ['QoS 1 heartbeats, closed loop', 'msg/s', 'ratio', 'CPU us', 'p50 ms', 'p99 ms']
  console.log(table([[...head, 'cut'], ...rowsOf(brokers, results)]))

  const open = { passwords, window: 1, warmupSeconds: 2, seconds: 10, rate: 2_000 }
  const stop = new AbortController()
  const lagging = projectionLag(lapel, stop.signal)
  const atRate = await drive({ ...open, port: lapel.mqttPort, pid: lapel.pid })
  stop.abort()
  const lags = await lagging
  const [bare = { port: 0, pid: 0 }] = peers
  const bareAtRate = await drive({ ...open, port: bare.port, pid: bare.pid })
  console.log()
  console.log(
    table([
      ['500 connections, open loop at 2,000/s', 'msg/s', 'p50 ms', 'p99 ms'],
      ['PUBACK, bare aedes', bareAtRate.rate, bareAtRate.p50Ms, bareAtRate.p99Ms],
      ['PUBACK, lapel', atRate.rate, atRate.p50Ms, atRate.p99Ms],
      [
        `PUBACK to visible in GET (${lags.length} probes)`,
        '',
        quantile(lags, 0.5),
        quantile(lags, 0.99),
      ],
    ]),
  )
} finally {
  for (const peer of peers) await peer.stop()
  await lapel.stop()
}

import { setTimeout as delay } from 'node:timers/promises'
import { peerPassword, startBrokers } from './peers/brokers.ts'
import type { RunningPeer } from './peers/peer.ts'
import type { Measured, Order } from './support/generator.ts'
import { type LapelUnderTest, startLapel } from './support/lapel.ts'
import { openMqtt, topicBytes } from './support/mqtt-socket.ts'
import { treeCpuSeconds } from './support/process-tree.ts'
import { runProgram } from './support/programs.ts'
import { median, quantile, table } from './support/statistics.ts'

const rounds = 3
const generator = 'bench/support/generator.ts'
const shapes = [
  { connections: 50, window: 20 },
  { connections: 500, window: 2 },
  { connections: 500, window: 8 },
] as const

const drive = (order: Order): Promise<Measured> =>
  runProgram<Measured>(generator, JSON.stringify(order))

type Broker = Omit<RunningPeer, 'stop'> & { readonly passwords: readonly string[] }
type Turn = Measured & { readonly settleSeconds: number }

const settleEverySeconds = 0.5
const settledShareMax = 0.1
const settleSecondsMax = 30

/** Until a broker has done what it took in, so that nobody's work falls into the turn of another: seconds. */
const settle = async (pid: number): Promise<number> => {
  const from = performance.now()
  for (let before = treeCpuSeconds(pid); ; ) {
    await delay(settleEverySeconds * 1_000)
    const now = treeCpuSeconds(pid)
    const seconds = (performance.now() - from) / 1_000
    const isBusy = now - before >= settleEverySeconds * settledShareMax
    if (!isBusy || seconds > settleSecondsMax) return seconds - settleEverySeconds
    before = now
  }
}

/** Each alone on the machine for its turn; everything interleaved, so that a busy minute of the machine falls on all alike. */
const closedLoop = async (brokers: readonly Broker[]) => {
  const results = new Map<string, Turn[]>()
  for (let round = 0; round < rounds; round += 1)
    for (const { connections, window } of shapes)
      for (const { name, port, pid, passwords, pause, resume } of brokers) {
        const order = {
          port,
          pid,
          passwords: passwords.slice(0, connections),
          window,
          warmupSeconds: 1,
          seconds: 3,
        }
        resume()
        const measured = await drive(order)
        const turn = { ...measured, settleSeconds: await settle(pid) }
        pause()
        const key = `${name} ${connections}x${window}`
        results.set(key, [...(results.get(key) ?? []), turn])
      }
  return results
}

const rowsOf = (brokers: readonly Broker[], results: ReadonlyMap<string, readonly Turn[]>) =>
  shapes.flatMap(({ connections, window }) => {
    const of = (name: string, pick: (m: Turn) => number) =>
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
      of(name, (m) => m.settleSeconds),
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
    // It never pauses: its leases would end meanwhile. Without work it takes next to nothing.
    {
      name: 'lapel',
      port: lapel.mqttPort,
      pid: lapel.pid,
      passwords,
      pause: () => {},
      resume: () => {},
    },
  ]
  for (const { pause } of brokers) pause()
  const results = await closedLoop(brokers)
  const head = ['QoS 1 heartbeats, closed loop', 'msg/s', 'ratio', 'CPU us', 'p50 ms', 'p99 ms']
  console.log(table([[...head, 'cut', 'settled after s'], ...rowsOf(brokers, results)]))

  const open = { passwords, window: 1, warmupSeconds: 2, seconds: 10, rate: 2_000 }
  const stop = new AbortController()
  const lagging = projectionLag(lapel, stop.signal)
  const atRate = await drive({ ...open, port: lapel.mqttPort, pid: lapel.pid })
  stop.abort()
  const lags = await lagging
  const [bare] = peers
  bare?.resume()
  const bareAtRate = await drive({ ...open, port: bare?.port ?? 0, pid: bare?.pid ?? 0 })
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

import type { Measured, Order } from './support/generator.ts'
import { type LapelUnderTest, startLapel } from './support/lapel.ts'
import { openMqtt, topicBytes } from './support/mqtt-socket.ts'
import { runProgram, startProgram } from './support/programs.ts'
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

/** Everything interleaved, so that a busy minute of the machine falls on both sides alike. */
const closedLoop = async (lapelPort: number, barePort: number, passwords: readonly string[]) => {
  const results = new Map<string, Measured[]>()
  for (let round = 0; round < rounds; round += 1)
    for (const { connections, window } of shapes)
      for (const [name, port] of [
        ['bare aedes', barePort],
        ['lapel', lapelPort],
      ] as const) {
        const order = {
          port,
          passwords: passwords.slice(0, connections),
          window,
          warmupSeconds: 2,
          seconds: 5,
        }
        const key = `${name} ${connections}x${window}`
        results.set(key, [...(results.get(key) ?? []), await drive(order)])
      }
  return results
}

const rowsOf = (results: ReadonlyMap<string, readonly Measured[]>) =>
  shapes.flatMap(({ connections, window }) => {
    const of = (name: string, pick: (m: Measured) => number) =>
      median((results.get(`${name} ${connections}x${window}`) ?? []).map(pick))
    const bare = of('bare aedes', (m) => m.rate)
    return ['bare aedes', 'lapel'].map((name) => [
      `${connections} connections x ${window}  ${name}`,
      of(name, (m) => m.rate),
      of(name, (m) => m.rate) / bare,
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
const bare = await startProgram('bench/peers/bare-aedes.ts')
try {
  const devices = await lapel.bindDevices(500)
  const passwords = devices.map(({ token }) => token)
  const results = await closedLoop(lapel.mqttPort, Number(bare.ready), passwords)
  const head = ['QoS 1 heartbeats, closed loop', 'msg/s', 'ratio', 'p50 ms', 'p99 ms', 'cut']
  console.log(table([head, ...rowsOf(results)]))

  const open = { passwords, window: 1, warmupSeconds: 2, seconds: 10, rate: 2_000 }
  const stop = new AbortController()
  const lagging = projectionLag(lapel, stop.signal)
  const atRate = await drive({ ...open, port: lapel.mqttPort })
  stop.abort()
  const lags = await lagging
  const bareAtRate = await drive({ ...open, port: Number(bare.ready) })
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
  await bare.stop()
  await lapel.stop()
}

import { makeFleet } from './support/fleet.ts'
import type { Measured, Order } from './support/generator.ts'
import { startLapel } from './support/lapel.ts'
import type { Noise, NoisyOrder } from './support/noisy.ts'
import { runProgram } from './support/programs.ts'
import { median, table } from './support/statistics.ts'

const quota = 100
const times = 50
const rounds = 5
/** In flight of a device: what clients keep to unless they are told otherwise (paho and Mosquitto 20). */
const window = 20

/** What the other project does meanwhile. A neighbour within its quota is what one past it has to be as good as. */
const neighbours = [
  { name: 'alone', noise: undefined },
  { name: 'beside one within its quota', noise: { rate: 0.9 * quota, window } },
  { name: `beside one at ${times} times its quota`, noise: { rate: times * quota, window } },
  { name: 'beside one that does not wait for PUBACKs', noise: { rate: times * quota } },
] as const
const within = 1

type Turn = { readonly measured: Measured; readonly noise: Noise | undefined }

const lapel = await startLapel({ LAPEL_RATE_PROJECT: `${quota}` })
try {
  const other = await lapel.createProject()
  const quiet = await makeFleet(lapel, lapel.project, 25)
  const noisy = await makeFleet(lapel, other, 200)
  const tokensOf = (fleet: typeof quiet) => fleet.map(({ token }) => token)
  const order: Order = {
    port: lapel.mqttPort,
    pid: lapel.pid,
    passwords: tokensOf(quiet),
    window: 1,
    rate: quota / 2,
    warmupSeconds: 2,
    seconds: 6,
  }
  const measure = () => runProgram<Measured>('bench/support/generator.ts', JSON.stringify(order))
  const disturb = (noise: { rate: number; window?: number }) => {
    const ordered: NoisyOrder = {
      port: lapel.mqttPort,
      passwords: tokensOf(noisy),
      seconds: 10,
      ...noise,
    }
    return runProgram<Noise>('bench/support/noisy.ts', JSON.stringify(ordered))
  }
  const turns: Turn[][] = neighbours.map(() => [])
  for (let round = 0; round < rounds; round += 1)
    for (const [i, { noise }] of neighbours.entries()) {
      const [measured, made] = await Promise.all([measure(), noise && disturb(noise)])
      turns[i]?.push({ measured, noise: made })
    }
  const middle = (i: number, pick: (turn: Turn) => number) => median((turns[i] ?? []).map(pick))
  const p99 = (i: number) => middle(i, ({ measured }) => measured.p99Ms)
  const rows = neighbours.map(({ name }, i) => [
    name,
    middle(i, ({ measured }) => measured.rate),
    middle(i, ({ measured }) => measured.p50Ms),
    p99(i),
    p99(i) / p99(within),
    middle(i, ({ measured: { brokerCpuSeconds, seconds } }) => (1e3 * brokerCpuSeconds) / seconds),
    middle(i, ({ noise }) => noise?.due ?? 0),
    middle(i, ({ noise }) => noise?.acked ?? 0),
    middle(i, ({ noise }) => noise?.cuts ?? 0),
    middle(i, ({ noise }) => 1e2 * (noise?.cpuSeconds ?? 0)),
  ])
  const head = [
    ...[`a project at half its quota of ${quota}/s`, 'msg/s', 'p50 ms', 'p99 ms', 'of "within"'],
    ...['CPU ms/s', 'neighbour: due', 'acked', 'cut', 'its CPU ms/s'],
  ]
  console.log(table([head, ...rows]))
} finally {
  await lapel.stop()
}

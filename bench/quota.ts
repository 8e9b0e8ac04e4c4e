import { makeFleet } from './support/fleet.ts'
import type { Measured, Order } from './support/generator.ts'
import { startLapel } from './support/lapel.ts'
import type { Noise, NoisyOrder } from './support/noisy.ts'
import { runProgram } from './support/programs.ts'
import { median, table } from './support/statistics.ts'

const quota = 100
const times = 50
const rounds = 3

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
  const noise: NoisyOrder = {
    port: lapel.mqttPort,
    passwords: tokensOf(noisy),
    rate: quota * times,
    seconds: 10,
  }
  const alone: Measured[] = []
  const besideModest: Measured[] = []
  const beside: Measured[] = []
  const made: Noise[] = []
  const measureBeside = async (rate: number) => {
    const order = JSON.stringify({ ...noise, rate } satisfies NoisyOrder)
    const [measured, noisy] = await Promise.all([
      measure(),
      runProgram<Noise>('bench/support/noisy.ts', order),
    ])
    return { measured, noisy }
  }
  for (let i = 0; i < rounds; i += 1) {
    alone.push(await measure())
    besideModest.push((await measureBeside(0.9 * quota)).measured)
    const { measured, noisy } = await measureBeside(quota * times)
    beside.push(measured)
    made.push(noisy)
  }
  const row = (name: string, all: readonly Measured[]) => [
    name,
    median(all.map(({ rate }) => rate)),
    median(all.map(({ p50Ms }) => p50Ms)),
    median(all.map(({ p99Ms }) => p99Ms)),
    median(all.map(({ brokerCpuSeconds, seconds }) => (1_000 * brokerCpuSeconds) / seconds)),
  ]
  const head = [
    `a project at half its quota of ${quota}/s`,
    'msg/s',
    'p50 ms',
    'p99 ms',
    'CPU ms/s',
  ]
  const all = [
    row('alone', alone),
    row('beside one within its quota', besideModest),
    row(`beside one at ${times} times its quota`, beside),
  ]
  console.log(table([head, ...all]))
  const sum = (pick: (one: Noise) => number) => made.reduce((total, one) => total + pick(one), 0)
  const told = `${sum(({ sent }) => sent)}, of which ${sum(({ acked }) => acked)} were acknowledged`
  const ends = `cut ${sum(({ cuts }) => cuts)} times, refused ${sum(({ refused }) => refused)}`
  console.log(`the other sent ${told}; ${ends}; its own CPU ${sum((one) => one.cpuSeconds)} s`)
} finally {
  await lapel.stop()
}

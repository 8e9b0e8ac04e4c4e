import { makeFleet } from './support/fleet.ts'
import type { Measured, Order } from './support/generator.ts'
import { startLapel } from './support/lapel.ts'
import type { NoisyOrder } from './support/noisy.ts'
import { runProgram } from './support/programs.ts'
import { median, table } from './support/statistics.ts'

const quota = 100
const times = 50
const rounds = 3

type Noise = { readonly sent: number; readonly acked: number; readonly cuts: number }

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
  const beside: Measured[] = []
  const made: Noise[] = []
  for (let i = 0; i < rounds; i += 1) {
    alone.push(await measure())
    const noisily = runProgram<Noise>('bench/support/noisy.ts', JSON.stringify(noise))
    beside.push(await measure())
    made.push(await noisily)
  }
  const row = (name: string, all: readonly Measured[]) => [
    name,
    median(all.map(({ rate }) => rate)),
    median(all.map(({ p50Ms }) => p50Ms)),
    median(all.map(({ p99Ms }) => p99Ms)),
  ]
  const head = [`a project at half its quota of ${quota}/s`, 'msg/s', 'p50 ms', 'p99 ms']
  const both = [row('alone', alone), row(`beside one at ${times} times its quota`, beside)]
  console.log(table([head, ...both]))
  const sum = (pick: (one: Noise) => number) => made.reduce((total, one) => total + pick(one), 0)
  const told = [sum(({ sent }) => sent), sum(({ acked }) => acked), sum(({ cuts }) => cuts)]
  console.log(
    `the other sent ${told[0]}, of which ${told[1]} were acknowledged; cut ${told[2]} times`,
  )
} finally {
  await lapel.stop()
}

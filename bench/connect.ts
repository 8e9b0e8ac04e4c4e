import { openCrowd } from './support/crowd.ts'
import { makeFleet } from './support/fleet.ts'
import { startLapel } from './support/lapel.ts'
import { treeCpuSeconds } from './support/process-tree.ts'
import { startProgram } from './support/programs.ts'
import { median, quantile, table } from './support/statistics.ts'

const count = Number(process.argv[3] ?? 2_000)
const rounds = 3
const atOnce = 100

type Round = { readonly rate: number; readonly cpuUs: number; readonly p99Ms: number }

/** Every device connects once and leaves. */
const round = async (port: number, pid: number, passwords: readonly string[]): Promise<Round> => {
  const [cpu, from] = [treeCpuSeconds(pid), performance.now()]
  const crowd = await openCrowd(port, passwords, atOnce)
  const seconds = (performance.now() - from) / 1_000
  const cpuUs = ((treeCpuSeconds(pid) - cpu) / passwords.length) * 1e6
  for (const { mqtt } of crowd) mqtt.socket.destroy()
  const ms = crowd.map(({ connectMs }) => connectMs)
  return { rate: passwords.length / seconds, cpuUs, p99Ms: quantile(ms, 0.99) }
}

const lapel = await startLapel()
const aedes = await startProgram('bench/peers/aedes-with-token.ts')
try {
  const devices = await makeFleet(lapel, lapel.project, count)
  const passwords = devices.map(({ token }) => token)
  const sides = [
    { name: 'aedes with a token check', port: Number(aedes.ready), pid: aedes.pid },
    { name: 'lapel, its session stored', port: lapel.mqttPort, pid: lapel.pid },
  ]
  const results = new Map<string, Round[]>()
  for (let i = 0; i <= rounds; i += 1)
    for (const { name, port, pid } of sides) {
      const one = await round(port, pid, passwords)
      // The first compiles.
      if (i > 0) results.set(name, [...(results.get(name) ?? []), one])
    }
  const rows = sides.map(({ name }) => {
    const of = (pick: (one: Round) => number) => median((results.get(name) ?? []).map(pick))
    return [name, of(({ rate }) => rate), of(({ cpuUs }) => cpuUs), of(({ p99Ms }) => p99Ms)]
  })
  console.log(table([[`CONNECT, ${atOnce} at once`, 'each s', 'CPU us', 'p99 ms'], ...rows]))
} finally {
  await aedes.stop()
  await lapel.stop()
}

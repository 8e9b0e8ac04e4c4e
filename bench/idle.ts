import { openCrowd } from './support/crowd.ts'
import { makeFleet } from './support/fleet.ts'
import { startLapel } from './support/lapel.ts'
import { residentKib } from './support/process-tree.ts'
import { startProgram } from './support/programs.ts'
import { table } from './support/statistics.ts'

const count = Number(process.argv[3] ?? 10_000)
const warm = 500

/** KiB that each idle connection costs the process: past those with which it warmed up. */
const kibEach = async (port: number, pid: number, passwords: readonly string[]) => {
  const first = await openCrowd(port, passwords.slice(0, warm))
  await new Promise((resolve) => setTimeout(resolve, 3_000))
  const before = residentKib(pid)
  const rest = await openCrowd(port, passwords.slice(warm))
  await new Promise((resolve) => setTimeout(resolve, 5_000))
  const each = (residentKib(pid) - before) / rest.length
  for (const { mqtt } of [...first, ...rest]) mqtt.socket.destroy()
  return each
}

const lapel = await startLapel()
const [bare, aedes] = await Promise.all(
  ['bench/peers/bare-socket.ts', 'bench/peers/aedes-with-token.ts'].map((file) =>
    startProgram(file),
  ),
)
try {
  if (!bare || !aedes) throw new Error('no peers')
  const devices = await makeFleet(lapel, lapel.project, count + warm)
  const passwords = devices.map(({ token }) => token)
  const socket = await kibEach(Number(bare.ready), bare.pid, passwords)
  const ofAedes = await kibEach(Number(aedes.ready), aedes.pid, passwords)
  const ofLapel = await kibEach(lapel.mqttPort, lapel.pid, passwords)
  console.log(
    table([
      [`${count} idle connections`, 'KiB each', 'past a socket'],
      ['bare socket', socket, 0],
      ['bare aedes', ofAedes, ofAedes - socket],
      ['lapel', ofLapel, ofLapel - socket],
    ]),
  )
} finally {
  await bare?.stop()
  await aedes?.stop()
  await lapel.stop()
}

import { randomBytes } from 'node:crypto'
import { mintToken } from '../protocol/tokens.ts'
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

/** The peers let in whatever has the form of a token. */
const anyPasswords = Array.from({ length: count + warm }, () => mintToken('dtok', randomBytes).text)

const ofPeer = async (file: string): Promise<number> => {
  const peer = await startProgram(file)
  try {
    return await kibEach(Number(peer.ready), peer.pid, anyPasswords)
  } finally {
    await peer.stop()
  }
}

const lapel = await startLapel()
try {
  const [devices, socket] = await Promise.all([
    makeFleet(lapel, lapel.project, count + warm),
    ofPeer('bench/peers/bare-socket.ts'),
  ])
  const ofAedes = await ofPeer('bench/peers/aedes-with-token.ts')
  const passwords = devices.map(({ token }) => token)
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
  await lapel.stop()
}

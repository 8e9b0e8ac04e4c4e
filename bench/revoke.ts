import { openCrowd } from './support/crowd.ts'
import { makeFleet } from './support/fleet.ts'
import { startLapel } from './support/lapel.ts'
import { quantile, table } from './support/statistics.ts'

const devicesCount = Number(process.argv[3] ?? 5_000)
const revokedCount = 300

const lapel = await startLapel()
try {
  const devices = await makeFleet(lapel, lapel.project, devicesCount)
  const crowd = await openCrowd(
    lapel.mqttPort,
    devices.map(({ token }) => token),
  )
  const fromRequest: number[] = []
  const fromReply: number[] = []
  for (let i = 0; i < revokedCount; i += 1) {
    const at = Math.floor((i * devicesCount) / revokedCount)
    const [device, connected] = [devices[at], crowd[at]]
    const asked = performance.now()
    const { status } = await lapel.call('POST', `/v1/devices/${device?.id}/unbind`)
    const answered = performance.now()
    if (status !== 200) throw new Error(`unbind answered ${status}`)
    const closedAt = (await connected?.closedAt) ?? Number.NaN
    fromRequest.push(closedAt - asked)
    fromReply.push(Math.max(0, closedAt - answered))
  }
  console.log(
    table([
      [
        `unbind to closed socket, ${revokedCount} of ${devicesCount} connected devices`,
        'p50 ms',
        'p99 ms',
      ],
      ['from the request', quantile(fromRequest, 0.5), quantile(fromRequest, 0.99)],
      ['from the reply', quantile(fromReply, 0.5), quantile(fromReply, 0.99)],
    ]),
  )
  for (const { mqtt } of crowd) mqtt.socket.destroy()
} finally {
  await lapel.stop()
}

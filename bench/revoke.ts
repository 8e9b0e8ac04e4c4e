import { startLapel } from './support/lapel.ts'
import { openMqtt } from './support/mqtt-socket.ts'
import { quantile, table } from './support/statistics.ts'

const devicesCount = 300

const lapel = await startLapel()
try {
  const devices = await lapel.bindDevices(devicesCount)
  const closing = await Promise.all(
    devices.map(async ({ id, token }) => {
      let closed = (_at: number) => {}
      const closedAt = new Promise<number>((resolve) => {
        closed = resolve
      })
      await openMqtt(
        lapel.mqttPort,
        { clientId: id, password: token },
        { onAcks: () => {}, onClose: () => closed(performance.now()) },
      )
      return { id, closedAt }
    }),
  )
  const fromRequest: number[] = []
  const fromReply: number[] = []
  for (const { id, closedAt } of closing) {
    const asked = performance.now()
    const { status } = await lapel.call('POST', `/v1/devices/${id}/unbind`)
    const answered = performance.now()
    if (status !== 200) throw new Error(`unbind answered ${status}`)
    const at = await closedAt
    fromRequest.push(at - asked)
    fromReply.push(Math.max(0, at - answered))
  }
  console.log(
    table([
      [`unbind to closed socket, ${devicesCount} devices`, 'p50 ms', 'p99 ms'],
      ['from the request', quantile(fromRequest, 0.5), quantile(fromRequest, 0.99)],
      ['from the reply', quantile(fromReply, 0.5), quantile(fromReply, 0.99)],
    ]),
  )
} finally {
  await lapel.stop()
}

import { inParallel } from './lapel.ts'
import { type MqttSocket, openMqtt, publishPacket, topicBytes } from './mqtt-socket.ts'

export type Noise = {
  readonly sent: number
  readonly acked: number
  readonly cuts: number
  readonly refused: number
  readonly cpuSeconds: number
}

/** `node noisy.ts '<order>'`: devices that send at a rate together, whatever they are told, and come back when they are cut. */
export type NoisyOrder = {
  readonly port: number
  readonly passwords: readonly string[]
  readonly rate: number
  readonly seconds: number
}

const { port, passwords, rate, seconds }: NoisyOrder = JSON.parse(process.argv[2] ?? '{}')
const until = performance.now() + seconds * 1_000
// All that is due to one broker in a tick leaves in one write: the noise is to cost the broker, not the machine.
const tickMs = 100
const eachTick = (rate / passwords.length) * (tickMs / 1_000)
const packetsMax = Math.ceil(eachTick) + 1
const one = publishPacket(topicBytes('v1/devices/me/heartbeat'), 1, Buffer.from('{"flags":1}'))
const packets = Buffer.concat(Array.from({ length: packetsMax }, () => one))
let [sent, acked, cuts, refused] = [0, 0, 0, 0]

type Device = { readonly mqtt: MqttSocket; due: number }
const open = new Set<Device>()

const session = async (password: string): Promise<void> => {
  const { promise: closed, resolve } = Promise.withResolvers<void>()
  const onAcks = (ids: readonly number[]) => {
    acked += ids.length
  }
  const login = { clientId: 'noisy', password }
  const mqtt = await openMqtt(port, login, { onAcks, onClose: resolve })
  const device = { mqtt, due: Math.random() }
  open.add(device)
  await closed
  open.delete(device)
  cuts += 1
}

const say = (device: Device): void => {
  device.due += eachTick
  const count = Math.floor(device.due)
  device.due -= count
  sent += count
  if (count > 0) device.mqtt.socket.write(packets.subarray(0, count * one.length))
}
const ticks = setInterval(() => {
  for (const device of open) say(device)
}, tickMs)

void inParallel(passwords.length, passwords.length, async (i) => {
  while (performance.now() < until) {
    await session(passwords[i] ?? '').catch(() => {
      refused += 1
    })
    await new Promise((resolve) => setTimeout(resolve, 100))
  }
})
await new Promise((resolve) => setTimeout(resolve, seconds * 1_000))
clearInterval(ticks)
const cpu = process.cpuUsage()
console.log(
  JSON.stringify({ sent, acked, cuts, refused, cpuSeconds: (cpu.user + cpu.system) / 1e6 }),
)
process.exit()

import { inParallel } from './lapel.ts'
import { type MqttSocket, openMqtt, publishPacket, topicBytes } from './mqtt-socket.ts'

export type Noise = {
  /** Messages that there were to send. */
  readonly due: number
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
  /** Messages of a device in flight; whatever more there is waits in its own memory, as in a client's library. Without it none waits. */
  readonly window?: number
}

const { port, passwords, rate, seconds, window }: NoisyOrder = JSON.parse(process.argv[2] ?? '{}')
const until = performance.now() + seconds * 1_000
const windowMax = window ?? Number.POSITIVE_INFINITY
// A device says in one write what is due to it every `everyMs`, and one tenth of them at a time: the noise is to cost the broker, and is
// not to take a processor from it for the time of a burst.
const everyMs = 100
const tickMs = 10
const parts = everyMs / tickMs
const eachTime = (rate / passwords.length) * (everyMs / 1_000)
const packetsMax = Math.ceil(eachTime) + 1
const one = publishPacket(topicBytes('v1/devices/me/heartbeat'), 1, Buffer.from('{"flags":1}'))
const packets = Buffer.concat(Array.from({ length: packetsMax }, () => one))
let [due, sent, acked, cuts, refused] = [0, 0, 0, 0, 0]

type Device = { readonly mqtt: MqttSocket; readonly part: number; owed: number; inFlight: number }
const open = new Set<Device>()

const session = async (password: string, part: number): Promise<void> => {
  const { promise: closed, resolve } = Promise.withResolvers<void>()
  let device: Device | undefined
  const onAcks = (ids: readonly number[]) => {
    acked += ids.length
    if (device) device.inFlight -= ids.length
  }
  const login = { clientId: 'noisy', password }
  const mqtt = await openMqtt(port, login, { onAcks, onClose: resolve })
  device = { mqtt, part, owed: Math.random(), inFlight: 0 }
  open.add(device)
  await closed
  open.delete(device)
  cuts += 1
}

const say = (device: Device): void => {
  device.owed += eachTime
  const whole = Math.floor(device.owed)
  device.owed -= whole
  due += whole
  const count = Math.min(whole, Math.max(0, windowMax - device.inFlight))
  if (count === 0) return
  sent += count
  device.inFlight += count
  device.mqtt.socket.write(packets.subarray(0, count * one.length))
}
let tick = 0
const ticks = setInterval(() => {
  tick += 1
  for (const device of open) if (device.part === tick % parts) say(device)
}, tickMs)

void inParallel(passwords.length, passwords.length, async (i) => {
  while (performance.now() < until) {
    await session(passwords[i] ?? '', i % parts).catch(() => {
      refused += 1
    })
    await new Promise((resolve) => setTimeout(resolve, 100))
  }
})
await new Promise((resolve) => setTimeout(resolve, seconds * 1_000))
clearInterval(ticks)
const cpu = process.cpuUsage()
const cpuSeconds = (cpu.user + cpu.system) / 1e6
console.log(JSON.stringify({ due, sent, acked, cuts, refused, cpuSeconds } satisfies Noise))
process.exit()

import { inParallel } from './lapel.ts'
import { openMqtt, topicBytes } from './mqtt-socket.ts'

/** `node noisy.ts '<order>'`: devices that send at a rate together, whatever they are told, and come back when they are cut. */
export type NoisyOrder = {
  readonly port: number
  readonly passwords: readonly string[]
  readonly rate: number
  readonly seconds: number
}

const { port, passwords, rate, seconds }: NoisyOrder = JSON.parse(process.argv[2] ?? '{}')
const topic = topicBytes('v1/devices/me/heartbeat')
const until = performance.now() + seconds * 1_000
const tickMs = 20
const each = (rate / passwords.length) * (tickMs / 1_000)
let [sent, acked, cuts] = [0, 0, 0]

const session = async (password: string): Promise<void> => {
  let isClosed = false
  const count = (ids: readonly number[]) => {
    acked += ids.length
  }
  const onClose = () => {
    isClosed = true
  }
  const login = { clientId: 'noisy', password }
  const mqtt = await openMqtt(port, login, { onAcks: count, onClose })
  let due = Math.random()
  for (let id = 1; !isClosed && performance.now() < until; due += each) {
    for (; due >= 1; due -= 1) {
      mqtt.publish(topic, (id++ % 65_535) + 1, Buffer.from('{"battery_percent":1}'))
      sent += 1
    }
    await new Promise((resolve) => setTimeout(resolve, tickMs))
  }
  if (isClosed) cuts += 1
  mqtt.socket.destroy()
}

await inParallel(passwords.length, passwords.length, async (i) => {
  while (performance.now() < until) {
    await session(passwords[i] ?? '').catch(() => {})
    await new Promise((resolve) => setTimeout(resolve, 100))
  }
})
console.log(JSON.stringify({ sent, acked, cuts }))

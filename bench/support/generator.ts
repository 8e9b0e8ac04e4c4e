import { type MqttSocket, openMqtt, publishPacket, topicBytes } from './mqtt-socket.ts'
import { treeCpuSeconds } from './process-tree.ts'
import { quantile } from './statistics.ts'

/** `node generator.ts '<order>'`: a process of its own that drives a broker and prints what it measured as JSON. */
export type Order = {
  readonly port: number
  /** The broker's process, with all below it; how much CPU they use is measured. */
  readonly pid: number
  /** A device each; the broker may ignore the password. */
  readonly passwords: readonly string[]
  /** Messages in flight per connection. */
  readonly window: number
  readonly warmupSeconds: number
  readonly seconds: number
  /** Messages/s over all connections; without it as fast as the window lets. */
  readonly rate?: number
}

export type Measured = {
  readonly acked: number
  readonly seconds: number
  readonly rate: number
  readonly closed: number
  readonly p50Ms: number
  readonly p99Ms: number
  readonly cpuSeconds: number
  readonly brokerCpuSeconds: number
}

const samplesMax = 2_000_000

// What a device sends, made once: only the packet id and `seq` change, in place.
const seqDigits = 10
const firstSeq = 10 ** (seqDigits - 1)

const template = (boot: number): Buffer =>
  publishPacket(
    topicBytes('v1/devices/me/heartbeat'),
    0,
    Buffer.from(
      `{"boot":${boot},"seq":${firstSeq},"at":"2026-01-01T00:00:00.000Z","battery_percent":87,"storage_used_mb":1204,"storage_total_mb":4096,"signal_strength_dbm":-87,"device_state":"idle","pending_recordings":3,"flags":16}`,
    ),
  )

class Connection {
  /** By packet id. */
  readonly sentAt = new Float64Array(65_536)
  readonly #template: Buffer
  readonly #idAt: number
  readonly #seqAt: number
  #id = 0
  #seq = firstSeq
  mqtt: MqttSocket | undefined

  constructor(boot: number) {
    this.#template = template(boot)
    this.#idAt = this.#template.indexOf('heartbeat') + 'heartbeat'.length
    this.#seqAt = this.#template.indexOf(`${firstSeq}`)
  }

  #put(bytes: Buffer, at: number): void {
    this.#id = (this.#id % 65_535) + 1
    this.#seq += 1
    bytes.set(this.#template, at)
    bytes.writeUInt16BE(this.#id, at + this.#idAt)
    bytes.write(String(this.#seq), at + this.#seqAt, 'latin1')
    this.sentAt[this.#id] = performance.now()
  }

  /** So many messages in one write: what a socket has to say at one moment leaves in one segment. */
  send(count = 1): void {
    const bytes = Buffer.allocUnsafe(count * this.#template.length)
    for (let i = 0; i < count; i += 1) this.#put(bytes, i * this.#template.length)
    this.mqtt?.socket.write(bytes)
  }
}

class Load {
  readonly latencies: number[] = []
  readonly connections: Connection[] = []
  acked = 0
  closed = 0
  measuring = false
  stopping = false
  readonly order: Order

  constructor(order: Order) {
    this.order = order
  }

  acknowledged(connection: Connection, ids: readonly number[]): void {
    const now = performance.now()
    for (const id of ids) {
      if (!this.measuring) break
      this.acked += 1
      if (this.latencies.length < samplesMax)
        this.latencies.push(now - (connection.sentAt[id] ?? now))
    }
    if (this.order.rate === undefined && !this.stopping) connection.send(ids.length)
  }

  async open(): Promise<void> {
    const boot = Date.now()
    for (const [i, password] of this.order.passwords.entries()) {
      const connection = new Connection(boot)
      connection.mqtt = await openMqtt(
        this.order.port,
        { clientId: `bench-${i}`, password },
        {
          onAcks: (ids) => this.acknowledged(connection, ids),
          onClose: () => {
            if (!this.stopping) this.closed += 1
          },
        },
      )
      this.connections.push(connection)
    }
  }

  start(): void {
    const { rate, window } = this.order
    if (rate === undefined) {
      for (const connection of this.connections) connection.send(window)
      return
    }
    const started = performance.now()
    let sent = 0
    const tick = setInterval(() => {
      if (this.stopping) clearInterval(tick)
      const due = Math.floor(((performance.now() - started) / 1_000) * rate)
      for (; sent < due && !this.stopping; sent += 1)
        this.connections[sent % this.connections.length]?.send()
    }, 2)
  }
}

const seconds = (s: number) => new Promise((resolve) => setTimeout(resolve, s * 1_000))

const order: Order = JSON.parse(process.argv[2] ?? '{}')
const load = new Load(order)
await load.open()
load.start()
await seconds(order.warmupSeconds)
const cpu = process.cpuUsage()
const brokerCpu = treeCpuSeconds(order.pid)
const from = performance.now()
load.measuring = true
await seconds(order.seconds)
load.measuring = false
load.stopping = true
const took = (performance.now() - from) / 1_000
const used = process.cpuUsage(cpu)
const brokerUsed = treeCpuSeconds(order.pid) - brokerCpu
const measured: Measured = {
  acked: load.acked,
  seconds: took,
  rate: load.acked / took,
  closed: load.closed,
  p50Ms: quantile(load.latencies, 0.5),
  p99Ms: quantile(load.latencies, 0.99),
  cpuSeconds: (used.user + used.system) / 1e6,
  brokerCpuSeconds: brokerUsed,
}
console.log(JSON.stringify(measured))
for (const { mqtt } of load.connections) mqtt?.socket.destroy()

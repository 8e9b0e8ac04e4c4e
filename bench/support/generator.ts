import { type MqttSocket, openMqtt, topicBytes } from './mqtt-socket.ts'
import { quantile } from './statistics.ts'

/** `node generator.ts '<order>'`: a process of its own that drives a broker and prints what it measured as JSON. */
export type Order = {
  readonly port: number
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
}

const samplesMax = 2_000_000

class Connection {
  readonly sentAt = new Map<number, number>()
  readonly #topic = topicBytes('v1/devices/me/heartbeat')
  readonly #boot: number
  #id = 0
  #seq = 0
  mqtt: MqttSocket | undefined

  constructor(boot: number) {
    this.#boot = boot
  }

  send(): void {
    this.#id = (this.#id % 65_535) + 1
    this.#seq += 1
    const payload = `{"boot":${this.#boot},"seq":${this.#seq},"at":"2026-01-01T00:00:00.000Z","battery_percent":87,"storage_used_mb":1204,"storage_total_mb":4096,"signal_strength_dbm":-87,"device_state":"idle","pending_recordings":3,"flags":16}`
    this.sentAt.set(this.#id, performance.now())
    this.mqtt?.publish(this.#topic, this.#id, Buffer.from(payload))
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

  ack(connection: Connection, id: number): void {
    const sent = connection.sentAt.get(id)
    if (sent === undefined) return
    connection.sentAt.delete(id)
    if (this.measuring) {
      this.acked += 1
      if (this.latencies.length < samplesMax) this.latencies.push(performance.now() - sent)
    }
    if (this.order.rate === undefined && !this.stopping) connection.send()
  }

  async open(): Promise<void> {
    const boot = Date.now()
    for (const [i, password] of this.order.passwords.entries()) {
      const connection = new Connection(boot)
      connection.mqtt = await openMqtt(
        this.order.port,
        { clientId: `bench-${i}`, password },
        {
          onAck: (id) => this.ack(connection, id),
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
      for (const connection of this.connections)
        for (let i = 0; i < window; i += 1) connection.send()
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
const from = performance.now()
load.measuring = true
await seconds(order.seconds)
load.measuring = false
load.stopping = true
const took = (performance.now() - from) / 1_000
const used = process.cpuUsage(cpu)
const measured: Measured = {
  acked: load.acked,
  seconds: took,
  rate: load.acked / took,
  closed: load.closed,
  p50Ms: quantile(load.latencies, 0.5),
  p99Ms: quantile(load.latencies, 0.99),
  cpuSeconds: (used.user + used.system) / 1e6,
}
console.log(JSON.stringify(measured))
for (const { mqtt } of load.connections) mqtt?.socket.destroy()

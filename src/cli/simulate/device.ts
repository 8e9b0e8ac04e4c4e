import mqtt, { type MqttClient } from 'mqtt'
import { downFilter, type UpMessage, upTopic } from '../../../protocol/topics.ts'
import { Histogram } from './histogram.ts'

/** What all devices of a simulation count together. */
export type Counts = {
  sent: number
  acked: number
  /** Sent by devices that lost their power before the answer. */
  dropped: number
  errors: number
  connected: number
  readonly pubackMs: Histogram
}

export const noCounts = (): Counts => ({
  sent: 0,
  acked: 0,
  dropped: 0,
  errors: 0,
  connected: 0,
  pubackMs: new Histogram(),
})

/** What is called when something comes down; when a device is on the line for the first time since it has power; and again. */
export type Listener = {
  readonly heard: (topic: string, bytes: Buffer) => void
  readonly awoke: () => void
  readonly cameBack?: () => void
}

type Unanswered = {
  readonly topic: string
  readonly body: object
  readonly since: number
  readonly taken: (() => void) | undefined
}

/** What the clock showed when it was said first, it does not show any more. */
const withoutClock = (message: Unanswered): Unanswered => {
  const { at: _, ...body } = message.body as { readonly at?: unknown }
  return { ...message, body }
}

const reconnectMs = 1_000
/** The CONNACK of a node that has too much to do, or does not know yet: no error. */
const comeBack = 3

/** A device as firmware would write it: rising boots and numbers, a battery that empties, a line that comes and goes. */
export class SimulatedDevice {
  readonly id: string
  readonly #mqttAt: string
  readonly #token: string
  readonly #counts: Counts
  #client: MqttClient
  #listener: Listener | undefined
  #boot = Math.floor(Date.now() / 1_000)
  #seq = 0
  #unanswered = 0
  readonly #unsent: Unanswered[] = []
  #battery = 60 + Math.random() * 40
  #up = false
  #ended = false

  constructor(mqttAt: string, { id, token }: { id: string; token: string }, counts: Counts) {
    this.id = id
    this.#mqttAt = mqttAt
    this.#token = token
    this.#counts = counts
    this.#client = this.#powerOn()
  }

  /** Of its present power-on. */
  get boot(): number {
    return this.#boot
  }

  get ready(): boolean {
    return this.#client.connected
  }

  /** Before the first turn ends: nothing is kept for who listens later. */
  listen(listener: Listener): void {
    this.#listener = listener
  }

  #powerOn(): MqttClient {
    const client = mqtt.connect(`mqtt://${this.#mqttAt}`, {
      clientId: this.id,
      username: 'device',
      password: this.#token,
      keepalive: 120,
      reconnectPeriod: reconnectMs * (0.5 + Math.random()),
      resubscribe: false,
      reconnectOnConnackError: true,
    })
    let isAwake = false
    // What was cut off may still be in the middle of connecting.
    const isCurrent = () => client === this.#client
    client.on('connect', () => {
      if (!isCurrent()) return void client.end(true)
      this.#connected(client, !isAwake)
      isAwake = true
    })
    client.on('message', (topic, bytes) => {
      if (isCurrent()) this.#listener?.heard(topic, bytes)
    })
    client.on('close', () => {
      if (isCurrent()) this.#closed()
    })
    client.on('error', (error) => {
      if (isCurrent() && (error as { code?: unknown }).code !== comeBack) this.#failed()
    })
    return client
  }

  #connected(client: MqttClient, isFirst: boolean): void {
    this.#up = true
    this.#counts.connected += 1
    client.subscribe(downFilter('me'), { qos: 1 })
    for (const message of this.#unsent.splice(0)) this.#send(message)
    if (!isFirst) return void this.#listener?.cameBack?.()
    this.#observe('boot', {
      firmware_version: '1.4.2',
      reset_reason: 'power_on',
      clock_synced: true,
    })
    this.#listener?.awoke()
  }

  #closed(): void {
    if (this.#up) this.#counts.connected -= 1
    this.#up = false
  }

  #failed(): void {
    if (!this.#ended) this.#counts.errors += 1
  }

  /** Until its PUBACK, at which `taken` is called, it is sent again at every reconnect; a power cut forgets it. */
  publish(message: UpMessage, body: object, taken?: () => void): void {
    this.#counts.sent += 1
    this.#unanswered += 1
    const topic = upTopic('me', message, 'json')
    this.#send({ topic, body, since: performance.now(), taken })
  }

  #send(message: Unanswered): void {
    const { topic, body, since, taken } = message
    const client = this.#client
    const counts = this.#counts
    client.publish(topic, JSON.stringify(body), { qos: 1 }, (error) => {
      if (client !== this.#client) return
      // MQTT.js gives up some that were under way when the line broke.
      if (error) return void this.#unsent.push(withoutClock(message))
      this.#unanswered -= 1
      counts.acked += 1
      counts.pubackMs.add(performance.now() - since)
      taken?.()
    })
  }

  #observe(message: 'boot' | 'heartbeat', body: object): void {
    this.#seq += 1
    const at = new Date().toISOString()
    this.publish(message, { boot: this.#boot, seq: this.#seq, at, ...body })
  }

  /** One heartbeat, if the line is up: what cannot be sent now is not made up later. */
  beat(): void {
    if (!this.#client.connected) return
    this.#battery = Math.max(1, this.#battery - Math.random() * 0.05)
    this.#observe('heartbeat', {
      battery_percent: Math.round(this.#battery),
      storage_used_mb: 512 + this.#seq,
      storage_total_mb: 4_096,
      signal_strength_dbm: -60 - Math.floor(Math.random() * 50),
      device_state: this.#seq % 20 === 0 ? 'recording' : 'idle',
      pending_recordings: this.#seq % 5,
      flags: 16,
      connection_type: ['4g'],
    })
  }

  /** The line breaks, and comes back by itself. */
  disconnect(): void {
    this.#client.stream?.destroy()
  }

  /** Everything that is in memory is gone; it starts anew at once. */
  cutPower(): void {
    const before = this.#client
    this.#counts.dropped += this.#unanswered
    this.#unanswered = 0
    this.#unsent.length = 0
    this.#seq = 0
    this.#boot = Math.max(this.#boot + 1, Math.floor(Date.now() / 1_000))
    this.#closed()
    this.#client = this.#powerOn()
    before.end(true)
  }

  async end(): Promise<void> {
    this.#ended = true
    await this.#client.endAsync(!this.#client.connected || this.#unanswered > 0)
  }
}

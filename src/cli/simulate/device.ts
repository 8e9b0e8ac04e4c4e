import mqtt, { type MqttClient } from 'mqtt'
import { downFilter, upTopic } from '../../../protocol/topics.ts'
import type { Histogram } from './histogram.ts'

/** What all devices of a simulation count together. */
export type Counts = {
  sent: number
  acked: number
  errors: number
  connected: number
  readonly pubackMs: Histogram
}

const reconnectMs = 1_000

/** A device as firmware would write it: one boot, rising numbers, a battery that empties, a line that comes and goes. */
export class SimulatedDevice {
  readonly id: string
  readonly #client: MqttClient
  readonly #counts: Counts
  readonly #boot: number
  #seq = 0
  #battery = 60 + Math.random() * 40
  #ended = false

  constructor(mqttAt: string, { id, token }: { id: string; token: string }, counts: Counts) {
    this.id = id
    this.#counts = counts
    this.#boot = Math.floor(Date.now() / 1_000)
    this.#client = mqtt.connect(`mqtt://${mqttAt}`, {
      clientId: id,
      username: 'device',
      password: token,
      keepalive: 120,
      reconnectPeriod: reconnectMs + Math.random() * reconnectMs,
      resubscribe: true,
    })
    this.#client.on('connect', () => this.#connected())
    this.#client.on('close', () => this.#closed())
    this.#client.on('error', () => this.#failed())
  }

  #up = false

  #connected(): void {
    this.#up = true
    this.#counts.connected += 1
    this.#client.subscribe(downFilter('me'), { qos: 1 })
    this.#publish('boot', {
      firmware_version: '1.4.2',
      reset_reason: 'power_on',
      clock_synced: true,
    })
  }

  #closed(): void {
    if (this.#up) this.#counts.connected -= 1
    this.#up = false
  }

  #failed(): void {
    if (!this.#ended) this.#counts.errors += 1
  }

  #publish(message: 'boot' | 'heartbeat', body: object): void {
    this.#seq += 1
    const payload = JSON.stringify({
      boot: this.#boot,
      seq: this.#seq,
      at: new Date().toISOString(),
      ...body,
    })
    const counts = this.#counts
    counts.sent += 1
    const sent = performance.now()
    this.#client.publish(upTopic('me', message, 'json'), payload, { qos: 1 }, (error) => {
      if (error) this.#failed()
      else {
        counts.acked += 1
        counts.pubackMs.add(performance.now() - sent)
      }
    })
  }

  /** One heartbeat, if the line is up: what cannot be sent now is not made up later. */
  beat(): void {
    if (!this.#client.connected) return
    this.#battery = Math.max(1, this.#battery - Math.random() * 0.05)
    this.#publish('heartbeat', {
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

  get ready(): boolean {
    return this.#client.connected
  }

  async end(): Promise<void> {
    this.#ended = true
    await this.#client.endAsync()
  }
}

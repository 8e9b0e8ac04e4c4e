import { randomInt, randomUUID } from 'node:crypto'
import { setTimeout as delay } from 'node:timers/promises'
import { type MqttSocket, openMqtt, topicBytes } from '../../bench/support/mqtt-socket.ts'

/** What was acknowledged: the claim that is checked against the log afterwards. */
export type Acknowledged = {
  /** Per device: the sequence numbers whose PUBACK came. */
  readonly heartbeats: Map<string, Set<number>>
  /** Idempotency keys of commands that were answered with 2xx, and the device that they were about. */
  readonly commands: Map<string, string>
}

const topic = topicBytes('v1/devices/me/heartbeat')
const windowMax = 4
const retryMs = 100
/** Each start under fire takes seconds, and may be met by the next kill. */
const answerMsMax = 180_000

/** A device as firmware writes it: a counter in its outbox, everything unacknowledged is sent again in order after a reconnect. */
class Device {
  readonly #id: string
  readonly #token: string
  readonly #port: number
  readonly #acked = new Set<number>()
  #outbox: number[] = []
  #seq = 0
  #mqtt: MqttSocket | undefined
  #stopped = false

  constructor(port: number, id: string, token: string, acknowledged: Acknowledged) {
    this.#port = port
    this.#id = id
    this.#token = token
    acknowledged.heartbeats.set(id, this.#acked)
  }

  #send(seq: number): void {
    const payload = Buffer.from(JSON.stringify({ boot: 1, seq, pending_recordings: seq }))
    this.#mqtt?.publish(topic, (seq % 65_535) + 1, payload)
  }

  #fill(): void {
    while (!this.#stopped && this.#outbox.length < windowMax) {
      this.#seq += 1
      this.#outbox.push(this.#seq)
      this.#send(this.#seq)
    }
  }

  #ack(id: number): void {
    const seq = this.#outbox.find((one) => (one % 65_535) + 1 === id)
    if (seq === undefined) return
    this.#acked.add(seq)
    this.#outbox = this.#outbox.filter((one) => one !== seq)
    setTimeout(() => this.#fill(), randomInt(5, 30))
  }

  async #session(): Promise<void> {
    let over = () => {}
    const closed = new Promise<void>((resolve) => {
      over = resolve
    })
    const login = { clientId: this.#id, password: this.#token }
    this.#mqtt = await openMqtt(this.#port, login, {
      onAcks: (ids) => {
        for (const id of ids) this.#ack(id)
      },
      onClose: over,
    })
    for (const seq of this.#outbox) this.#send(seq)
    this.#fill()
    await closed
  }

  async run(): Promise<void> {
    while (!this.#stopped) {
      await this.#session().catch(() => {})
      this.#mqtt = undefined
      if (!this.#stopped) await delay(randomInt(retryMs))
    }
  }

  /** Resolves when everything that was sent is acknowledged, or `msMax` have passed. */
  async drain(msMax: number): Promise<number> {
    this.#stopped = true
    for (const deadline = Date.now() + msMax; this.#outbox.length > 0 && Date.now() < deadline; ) {
      if (!this.#mqtt) await this.#session().catch(() => {})
      await delay(20)
    }
    this.#mqtt?.socket.destroy()
    return this.#outbox.length
  }
}

export type Api = (
  method: string,
  path: string,
  body: object | undefined,
  idempotencyKey: string,
) => Promise<{ readonly status: number; readonly body: Record<string, unknown> }>

/** A backend that repeats each command under its key until it is answered. */
export const apiOf =
  (http: string, key: string): Api =>
  async (method, path, body, idempotencyKey) => {
    const response = await fetch(http + path, {
      method,
      headers: {
        authorization: `Bearer ${key}`,
        'idempotency-key': idempotencyKey,
        ...(body && { 'content-type': 'application/json' }),
      },
      ...(body && { body: JSON.stringify(body) }),
      signal: AbortSignal.timeout(15_000),
    })
    return { status: response.status, body: (await response.json()) as Record<string, unknown> }
  }

export const insist = async (api: Api, ...args: Parameters<Api>): ReturnType<Api> => {
  for (const deadline = Date.now() + answerMsMax; ; await delay(randomInt(retryMs, 2 * retryMs))) {
    const answer = await api(...args).catch(() => undefined)
    if (answer && answer.status < 500 && answer.status !== 401 && answer.status !== 429)
      return answer
    if (Date.now() > deadline)
      throw new Error(`${args[0]} ${args[1]} was not answered: ${JSON.stringify(answer)}`)
  }
}

type Commander = { readonly api: Api; readonly acknowledged: Acknowledged }

/** A command that must be carried out; which device it was about. */
const command = async (
  { api, acknowledged }: Commander,
  path: string,
  body: object | undefined,
  about?: string,
) => {
  const key = randomUUID()
  const { status, body: answer } = await insist(api, 'POST', path, body, key)
  if (status >= 300) throw new Error(`${path}: ${status} ${JSON.stringify(answer)}`)
  const device = about ?? String(answer['id'])
  acknowledged.commands.set(key, device)
  return device
}

/** One life of a device after the other: registered, bound, unbound, bound again, each under a key of its own. */
const commandLoop = async (commander: Commander, endUser: string, stop: AbortSignal) => {
  while (!stop.aborted) {
    const body = { serial_number: randomUUID(), model: 'chaos' }
    const id = await command(commander, '/v1/devices', body)
    const binding = { end_user_id: endUser }
    await command(commander, `/v1/devices/${id}/bind`, binding, id)
    await command(commander, `/v1/devices/${id}/unbind`, undefined, id)
    await command(commander, `/v1/devices/${id}/bind`, binding, id)
  }
}

export type Load = {
  readonly acknowledged: Acknowledged
  /** Ends the load; how many heartbeats were sent and never acknowledged. */
  readonly stop: () => Promise<number>
}

export const startLoad = async (
  target: { http: string; mqttPort: number; key: string },
  size: { devices: number; commanders: number },
): Promise<Load> => {
  const api = apiOf(target.http, target.key)
  const acknowledged: Acknowledged = { heartbeats: new Map(), commands: new Map() }
  const person = await insist(api, 'POST', '/v1/end-users', { name: 'Chaos' }, randomUUID())
  const endUser = String(person.body['id'])
  const devices: Device[] = []
  for (let i = 0; i < size.devices; i += 1) {
    const registered = await insist(
      api,
      'POST',
      '/v1/devices',
      { serial_number: randomUUID(), model: 'chaos' },
      randomUUID(),
    )
    const id = String(registered.body['id'])
    const bound = await insist(
      api,
      'POST',
      `/v1/devices/${id}/bind`,
      { end_user_id: endUser },
      randomUUID(),
    )
    devices.push(new Device(target.mqttPort, id, String(bound.body['device_token']), acknowledged))
  }
  const running = devices.map((device) => device.run())
  const stopping = new AbortController()
  const commanding = Promise.all(
    Array.from({ length: size.commanders }, () =>
      commandLoop({ api, acknowledged }, endUser, stopping.signal),
    ),
  )
  // A command that is never answered is told by `stop`, so that the node is stopped in order before.
  commanding.catch(() => {})
  return {
    acknowledged,
    stop: async () => {
      stopping.abort()
      await commanding
      const left = await Promise.all(devices.map((device) => device.drain(20_000)))
      await Promise.all(running)
      return left.reduce((sum, count) => sum + count, 0)
    },
  }
}

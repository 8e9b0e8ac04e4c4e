import type { Client } from 'aedes'
import type { DownError } from '../../protocol/down-payloads.ts'
import type { Encoding, TopicDevice } from '../../protocol/topics.ts'
import type { Session } from '../auth/ports.ts'
import { Completions } from './completions.ts'
import { ExactlyOnce } from './exactly-once.ts'
import { HeldBack, type Ticks } from './held-back.ts'
import { PlainHeartbeats } from './plain-heartbeat.ts'
import type { Load } from './pressure.ts'
import { TokenBucket } from './token-bucket.ts'

/** What is known of a client between its CONNACK and its end. */
export class Connection {
  readonly client: Client
  readonly session: Session
  readonly completions = new Completions()
  /** Of the device, whatever its session. */
  readonly bucket: TokenBucket
  /** Shared by all devices of the project. */
  readonly projectBucket: TokenBucket
  readonly rejects: TokenBucket
  readonly exactlyOnce = new ExactlyOnce()
  readonly heldBack: HeldBack
  /** It went on for too long. */
  isOverRate = false
  /** Before then it is not told again that it is over its rate. */
  nextNoticeMs = 0
  readonly load: Load = { bytes: 0, isOver: false }
  /** Not read any further, while too much of it waits for the log. */
  held = false
  /** How the device names itself where it subscribed; `undefined` until it does. */
  subscribed: TopicDevice | undefined
  /** Errors that nobody listened to yet, the newest. */
  readonly unheard: DownError[] = []
  /** What was granted there: nothing is sent at more [MQTT-3.8.4-6]. */
  downQos: 0 | 1 = 1
  /** What the device spoke last. */
  encoding: Encoding = 'json'
  readonly heartbeats = new PlainHeartbeats()
  /** What every heartbeat's entry begins with, with the comma behind it. */
  readonly heartbeatHead: Buffer
  #downId = 0

  constructor(
    client: Client,
    session: Session,
    rates: {
      ofDevice: TokenBucket
      ofProject: TokenBucket
      rejectsPerMinute: number
      ticks: Ticks
    },
  ) {
    this.client = client
    this.session = session
    const { project, deviceId, tokenId } = session.principal
    const head = { k: 'heartbeat', via: 'mqtt', p: project, d: deviceId, by: tokenId }
    this.heartbeatHead = Buffer.from(`${JSON.stringify(head).slice(0, -1)},`, 'latin1')
    const { rejectsPerMinute, ticks } = rates
    this.bucket = rates.ofDevice
    this.projectBucket = rates.ofProject
    this.rejects = new TokenBucket(() => rejectsPerMinute / 60, {
      burst: () => rejectsPerMinute,
      nowMs: ticks.monotonic(),
    })
    this.heldBack = new HeldBack(ticks)
  }

  /** The next packet id towards the device. Nothing is sent twice: sessions are clean, and read models say it all again. */
  nextDownId(): number {
    this.#downId = (this.#downId % 0xffff) + 1
    return this.#downId
  }

  isOwn(device: TopicDevice): boolean {
    return device === 'me' || device === this.session.principal.deviceId
  }
}

/** The connections of a broker, by Aedes' client. */
export type Connections = {
  readonly of: (client: Client | null) => Connection | undefined
  readonly add: (connection: Connection) => void
}

export const createConnections = (): Connections => {
  const connections = new WeakMap<Client, Connection>()
  return {
    of: (client) => (client ? connections.get(client) : undefined),
    add: (connection) => void connections.set(connection.client, connection),
  }
}

import type { AuthorizePublishHandler, Client } from 'aedes'
import { instantOf } from '../../protocol/instant.ts'
import { mqttHoldBackMsMax } from '../../protocol/limits.ts'
import type { Entry } from '../../protocol/observations.ts'
import { parseUpTopic, type UpTopic } from '../../protocol/topics.ts'
import { seal } from '../store/seal.ts'
import { refreshKeepAlive } from './aedes-client.ts'
import type { Completion } from './completions.ts'
import type { Connection, Connections } from './connection.ts'
import { sendError, sendTime } from './downlink.ts'
import type { BrokerDeps } from './ports.ts'
import { rejectedEntry } from './rejects.ts'
import { type Fault, uplinkOf } from './uplink.ts'

type Message = { readonly topic: string; readonly payload: Uint8Array; readonly qos: number }

const withName = (
  entry: Entry,
  name: string | undefined,
  { session }: Connection,
  { random }: BrokerDeps,
): Entry => {
  if (name === undefined || entry.k !== 'heartbeat' || !session.sealKey) return entry
  const sealed = seal({ device_name: name }, session.sealKey, random)
  return { ...entry, data: { ...entry.data, sealed, sealed_for: session.principal.endUserId } }
}

/** One message of one device on its way: `end` acknowledges it, or closes the connection. */
type Delivery = {
  readonly deps: BrokerDeps
  readonly connection: Connection
  readonly topic: UpTopic
  readonly message: Message
  readonly end: Completion
}

const store = ({ deps, connection, end }: Delivery, entry: Entry, then?: () => void): void => {
  deps.ingest.add(entry, (error) => {
    if (error === undefined) {
      refreshKeepAlive(connection.client)
      then?.()
    }
    end(error === undefined ? undefined : new Error(`not stored: ${error}`))
  })
}

/** Acknowledged once it is kept, and answered; past the limit it is counted only. */
const reject = (delivery: Delivery, fault: Fault): void => {
  const { deps, connection, message, end } = delivery
  const { kind: _kind, ...said } = fault
  const answer = () => sendError(connection, { ...said, topic: message.topic })
  deps.meter.count('mqtt_rejects_total')
  if (connection.rejects.take(deps.monotonic()) > 0) {
    answer()
    end()
    return
  }
  const rx = instantOf(deps.now())
  const { session } = connection
  store(delivery, rejectedEntry(session, fault, message, { rx, random: deps.random }), answer)
}

const take = (delivery: Delivery): void => {
  const { deps, connection, topic, message } = delivery
  connection.encoding = topic.encoding
  const uplink = uplinkOf(topic, message.payload, connection.session, instantOf(deps.now()))
  if (uplink.kind === 'fault') reject(delivery, uplink)
  else {
    const entry = withName(uplink.entry, uplink.deviceName, connection, deps)
    store(delivery, entry, entry.k === 'boot' ? () => sendTime(connection, deps.now()) : undefined)
  }
}

const noticeEveryMessages = 50

/** Over its rate a message waits its turn, at most so long; a device that goes on then is cut. */
const inTurn = (delivery: Delivery): void => {
  const { deps, connection, message, end } = delivery
  const waitMs = connection.bucket.take(deps.monotonic())
  if (waitMs === 0) take(delivery)
  else if (waitMs > mqttHoldBackMsMax) end(new Error('over its rate for too long'))
  else {
    deps.meter.count('mqtt_held_back_total')
    const retry_after = Math.ceil(waitMs / 1_000)
    if (connection.completions.waiting % noticeEveryMessages === 1)
      sendError(connection, { code: 'rate_limited', topic: message.topic, retry_after })
    setTimeout(() => {
      refreshKeepAlive(connection.client)
      take(delivery)
    }, waitMs)
  }
}

/** Another device's topic, a system topic, retained: no acknowledgement, the connection is closed. */
const trespass = (deps: BrokerDeps, connection: Connection | undefined, topic: string): Error => {
  const device = connection?.session.principal.deviceId
  deps.log.warn(
    { device, topic: topic.slice(0, 128) },
    'a publish outside the own topics: connection closed',
  )
  deps.meter.count('mqtt_trespasses_total')
  return new Error('not a topic of this device')
}

type Packet = Parameters<AuthorizePublishHandler>[1]

/** Before Aedes writes PUBACK or PUBREC: the one place where waiting for the log is possible. */
export const onPublish =
  (deps: BrokerDeps, connections: Connections): AuthorizePublishHandler =>
  (client: Client | null, packet: Packet, callback): void => {
    const connection = connections.of(client)
    const topic = parseUpTopic(packet.topic)
    if (
      !connection ||
      client?.closed ||
      !topic ||
      packet.retain ||
      !connection.isOwn(topic.device)
    ) {
      callback(trespass(deps, connection, packet.topic))
      return
    }
    const payload =
      typeof packet.payload === 'string' ? Buffer.from(packet.payload) : packet.payload
    const message = { topic: packet.topic, payload, qos: packet.qos }
    const end = connection.completions.next((error) => {
      if (error)
        deps.log.debug(
          { device: connection.session.principal.deviceId, error },
          'a message was not stored',
        )
      callback(error ?? null)
    })
    // QoS 0 is taken and promised nothing: it does not hold up what comes behind it.
    if (packet.qos === 0) end()
    inTurn({ deps, connection, topic, message, end: packet.qos === 0 ? () => {} : end })
  }

import type { AedesPublishPacket } from 'aedes'
import { type Instant, instantOf } from '../../protocol/instant.ts'
import { mqttHoldBackMsMax } from '../../protocol/limits.ts'
import type { Entry } from '../../protocol/observations.ts'
import { parseUpTopic, type UpTopic, upTopic } from '../../protocol/topics.ts'
import { rejectedEntry } from '../ingest/rejected-entry.ts'
import { entryText, type SerialisedEntry, serialised } from '../ingest/serialised-entry.ts'
import { seal } from '../store/seal.ts'
import { refreshKeepAlive } from './aedes-client.ts'
import type { Completion } from './completions.ts'
import type { Connection } from './connection.ts'
import { sendError, sendTime } from './downlink.ts'
import type { PlainHeartbeat } from './plain-heartbeat.ts'
import type { BrokerDeps } from './ports.ts'
import type { Pressure } from './pressure.ts'
import {
  clockOf,
  isOfRecording,
  type RecordingTopic,
  recordingMessageOf,
} from './recordings/messages.ts'
import { type Fault, uplinkOf } from './uplink.ts'

type Message = { readonly topic: string; readonly payload: Buffer }

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
  readonly pressure: Pressure
  /** Since it waits for the log. */
  isEntered: boolean
  readonly end: Completion
}

const store = ({ deps, end }: Delivery, entry: SerialisedEntry, then?: () => void): void => {
  deps.ingest.add(entry, (error) => {
    if (error === undefined) then?.()
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
  const { principal, sealKey } = connection.session
  const refused = {
    ...message,
    code: fault.code,
    ...(fault.field !== undefined && { field: fault.field }),
  }
  const entry = rejectedEntry({ ...principal, sealKey }, refused, { rx, random: deps.random })
  store(delivery, serialised(entry), answer)
}

const isPlain = ({ kind, encoding }: UpTopic): boolean =>
  kind === 'heartbeat' && encoding === 'json'

/** What `serialised` would make of it, member by member in the same order. */
const plainEntry = (
  { session, heartbeatHead }: Connection,
  { boot, seq, numbers, data }: PlainHeartbeat,
  rx: Instant,
): SerialisedEntry => {
  const received = `${numbers === '' ? '' : ','}"rx":"${rx}","data":{`
  const text = entryText([heartbeatHead, numbers, received, data, '}}'])
  return { d: session.principal.deviceId, boot, seq, text }
}

const notStored = (why: unknown): Error => new Error(`not stored: ${why}`)

/** A decision, not an observation: appended by itself, in the order in which the recording's messages came. */
const decide = (
  delivery: Delivery,
  topic: RecordingTopic,
  recordings: NonNullable<BrokerDeps['recordings']>,
): void => {
  const { deps, connection, message, end } = delivery
  const said = recordingMessageOf(topic, message.payload, connection.session)
  if (said.kind === 'fault') {
    reject(delivery, said)
    return
  }
  const { lease } = deps.auth
  const decided = lease.holds() ? recordings.take(connection, said) : Promise.reject('no lease')
  decided.then(
    (taken) => {
      if (!lease.holds()) end(notStored('the lease has ended'))
      else if (taken.kind === 'fault') reject(delivery, taken)
      else end()
    },
    (error: unknown) => {
      deps.log.warn({ error, topic: message.topic }, 'a message about a recording was not stored')
      end(notStored(error))
    },
  )
}

/** Answered with the time and with all that the device may have forgotten. */
const welcome = ({ deps, connection }: Delivery, { boot, at }: Entry): void => {
  deps.recordings?.showClock(connection, boot, clockOf(at))
  sendTime(connection, deps.now())
  deps.recordings?.resume(connection)
}

const take = (delivery: Delivery): void => {
  const { deps, connection, topic, message, pressure } = delivery
  delivery.isEntered = true
  pressure.enter(connection.client, message.payload.length)
  connection.encoding = topic.encoding
  const rx = instantOf(deps.now())
  const plain = isPlain(topic) ? connection.heartbeats.read(message.payload) : undefined
  if (plain) {
    store(delivery, plainEntry(connection, plain, rx))
    return
  }
  if (deps.recordings && isOfRecording(topic)) {
    decide(delivery, topic, deps.recordings)
    return
  }
  const uplink = uplinkOf(topic, message.payload, connection.session, rx)
  if (uplink.kind === 'fault') reject(delivery, uplink)
  else {
    const entry = withName(uplink.entry, uplink.deviceName, connection, deps)
    const then = entry.k === 'boot' ? () => welcome(delivery, entry) : undefined
    store(delivery, serialised(entry), then)
  }
}

const noticeEveryMessages = 50

/** Over its rate a message waits its turn, at most so long; a device that goes on then is cut. */
const inTurn = (delivery: Delivery): void => {
  const { deps, connection, message, pressure, end } = delivery
  const { client, bucket, projectBucket } = connection
  const nowMs = deps.monotonic()
  const waitMs = Math.max(bucket.take(nowMs), projectBucket.take(nowMs))
  if (waitMs === 0) take(delivery)
  else if (waitMs > mqttHoldBackMsMax) {
    projectBucket.giveBack()
    end(new Error('over its rate for too long'))
  } else {
    const { length } = message.payload
    pressure.holdBack(client, length)
    deps.meter.count('mqtt_held_back_total')
    const retry_after = Math.ceil(waitMs / 1_000)
    if (connection.completions.waiting % noticeEveryMessages === 1)
      sendError(connection, { code: 'rate_limited', topic: message.topic, retry_after })
    setTimeout(() => {
      pressure.letGo(client, length)
      refreshKeepAlive(client)
      take(delivery)
    }, waitMs)
  }
}

/** Another device's topic, a system topic, retained: no acknowledgement, the connection is closed. */
const trespass = (deps: BrokerDeps, connection: Connection, topic: string): Error => {
  const device = connection.session.principal.deviceId
  deps.log.warn(
    { device, topic: topic.slice(0, 128) },
    'a publish outside the own topics: connection closed',
  )
  deps.meter.count('mqtt_trespasses_total')
  return new Error('not a topic of this device')
}

export type Publish = Pick<AedesPublishPacket, 'topic' | 'payload' | 'qos' | 'retain'>

const bytesOf = ({ payload }: Publish): Buffer =>
  typeof payload === 'string' ? Buffer.from(payload) : payload

// Nearly every message is one of these: what its topic says need not be found out anew.
const commonTopics: ReadonlyMap<string, UpTopic> = new Map(
  (['json', 'cbor'] as const).map((encoding) => [
    upTopic('me', 'heartbeat', encoding),
    { kind: 'heartbeat', device: 'me', encoding },
  ]),
)

export const isCommonTopic = (topic: string): boolean => commonTopics.has(topic)

/** What a device may not do: another device's topic, a system topic, retained, a text that is none [MQTT-1.5.3-1]. */
const ownTopic = (
  connection: Connection,
  { topic: text, retain }: Publish,
): UpTopic | undefined => {
  const topic = commonTopics.get(text) ?? parseUpTopic(text)
  const isOwn = topic !== undefined && connection.isOwn(topic.device)
  return isOwn && !retain && !text.includes('\uFFFD') ? topic : undefined
}

/** One message of a signed-in device: `acknowledge` is called in its turn, with an error when the connection must be closed. */
export const createDeliver =
  (deps: BrokerDeps, pressure: Pressure) =>
  (connection: Connection, packet: Publish, acknowledge: Completion): void => {
    const topic = ownTopic(connection, packet)
    if (!topic) {
      acknowledge(trespass(deps, connection, packet.topic))
      return
    }
    const { client, load, completions } = connection
    const message = { topic: packet.topic, payload: bytesOf(packet) }
    const { length } = message.payload
    // QoS 0 is taken and promised nothing: it does not hold up what comes behind it.
    const complete = packet.qos === 0 ? () => {} : completions.next(acknowledge)
    if (packet.qos === 0) acknowledge()
    pressure.receive(client, load, length)
    const delivery: Delivery = {
      deps,
      connection,
      topic,
      message,
      pressure,
      isEntered: false,
      end: (error) => {
        if (delivery.isEntered) pressure.leave(length)
        pressure.done(client, load, length)
        complete(error)
      },
    }
    inTurn(delivery)
  }

import type { AedesPublishPacket } from 'aedes'
import { instantOf } from '../../protocol/instant.ts'
import { mqttHoldBackMsMax, mqttReadOnWaitMsMax } from '../../protocol/limits.ts'
import type { Entry } from '../../protocol/observations.ts'
import { parseUpTopic, type UpTopic } from '../../protocol/topics.ts'
import { rejectedEntry } from '../ingest/rejected-entry.ts'
import { type SerialisedEntry, serialised } from '../ingest/serialised-entry.ts'
import { seal } from '../store/seal.ts'
import { itsTurn, refreshKeepAlive, stopReading } from './aedes-client.ts'
import { commonTopics } from './common-topics.ts'
import type { Connection } from './connection.ts'
import { Delivery, type Edge } from './delivery.ts'
import { sendError, sendTime } from './downlink.ts'
import { plainEntry } from './plain-entry.ts'
import type { BrokerDeps } from './ports.ts'
import {
  clockOf,
  isOfRecording,
  type RecordingTopic,
  recordingMessageOf,
} from './recordings/messages.ts'
import { type Fault, uplinkOf } from './uplink.ts'

/** What a message says, and under which topic. */
type Said = {
  readonly topic: UpTopic
  readonly text: string
  readonly payload: Buffer
  /** It was sent before, nobody knows how long ago: its `at` shows that moment. */
  readonly isSentAgain: boolean
}

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

const notStored = (why: unknown): Error => new Error(`not stored: ${why}`)

const store = (delivery: Delivery, entry: SerialisedEntry, then?: () => void): void => {
  delivery.edge.deps.ingest.add(entry, (error) => {
    if (error === undefined) then?.()
    delivery.end(error === undefined ? undefined : notStored(error))
  })
}

/** Acknowledged once it is kept, and answered; past the limit it is counted only. */
const reject = (delivery: Delivery, { text, payload }: Said, fault: Fault): void => {
  const { edge, connection } = delivery
  const { deps } = edge
  const { kind: _kind, ...answered } = fault
  const answer = () => sendError(connection, { ...answered, topic: text })
  deps.meter.count('mqtt_rejects_total')
  if (connection.rejects.take(deps.monotonic()) > 0) {
    answer()
    delivery.end()
    return
  }
  const rx = instantOf(deps.now())
  const { principal, sealKey } = connection.session
  const refused = {
    ...{ topic: text, payload, code: fault.code },
    ...(fault.field !== undefined && { field: fault.field }),
  }
  const entry = rejectedEntry({ ...principal, sealKey }, refused, { rx, random: deps.random })
  store(delivery, serialised(entry), answer)
}

const isPlain = ({ kind, encoding }: UpTopic): boolean =>
  kind === 'heartbeat' && encoding === 'json'

/** A decision, not an observation: appended by itself, in the order in which the recording's messages came. */
const decide = (
  delivery: Delivery,
  said: Said & { readonly topic: RecordingTopic },
  recordings: NonNullable<BrokerDeps['recordings']>,
): void => {
  const { edge, connection } = delivery
  const { auth, log } = edge.deps
  const message = recordingMessageOf(said.topic, said.payload, connection.session)
  if (message.kind === 'fault') {
    reject(delivery, said, message)
    return
  }
  if (!said.isSentAgain) recordings.showClock(connection, message.boot, message.at)
  const { lease } = auth
  const decided = lease.holds() ? recordings.take(connection, message) : Promise.reject('no lease')
  decided.then(
    (taken) => {
      if (!lease.holds()) delivery.end(notStored('the lease has ended'))
      else if (taken.kind === 'fault') reject(delivery, said, taken)
      else delivery.end()
    },
    (error: unknown) => {
      log.warn({ error, topic: said.text }, 'a message about a recording was not stored')
      delivery.end(notStored(error))
    },
  )
}

/** Answered with the time and with all that the device may have forgotten. */
const welcome = (
  { edge: { deps }, connection }: Delivery,
  { boot, at }: Entry,
  { isSentAgain }: Said,
): void => {
  if (!isSentAgain) deps.recordings?.showClock(connection, boot, clockOf(at))
  sendTime(connection, deps.now())
  deps.recordings?.resume(connection)
}

const take = (delivery: Delivery, said: Said): void => {
  const { edge, connection } = delivery
  const { deps } = edge
  const { topic, payload } = said
  delivery.enter()
  connection.encoding = topic.encoding
  const plain = isPlain(topic) ? connection.heartbeats.read(payload) : undefined
  if (plain) {
    store(delivery, plainEntry(connection, plain, deps.now()))
    return
  }
  if (deps.recordings && isOfRecording(topic)) {
    decide(delivery, { ...said, topic }, deps.recordings)
    return
  }
  const rx = instantOf(deps.now())
  const uplink = uplinkOf(topic, payload, connection.session, rx)
  if (uplink.kind === 'fault') reject(delivery, said, uplink)
  else {
    const entry = withName(uplink.entry, uplink.deviceName, connection, deps)
    const then = entry.k === 'boot' ? () => welcome(delivery, entry, said) : undefined
    store(delivery, serialised(entry), then)
  }
}

const noticeEveryMs = 1_000

/** Why it is cut. */
export const overRate = 'over its rate for too long'

/** For so long, in which it is told at most once a second that it is over its rate. */
const holdBack = (delivery: Delivery, said: Said, waitMs: number): void => {
  const { edge, connection } = delivery
  const { deps, pressure } = edge
  const { client, heldBack } = connection
  const { length } = said.payload
  const nowMs = deps.monotonic()
  pressure.holdBack(client, length)
  deps.meter.count('mqtt_held_back_total')
  if (nowMs >= connection.nextNoticeMs) {
    connection.nextNoticeMs = nowMs + noticeEveryMs
    const retry_after = Math.max(1, Math.ceil(waitMs / 1_000))
    sendError(connection, { code: 'rate_limited', topic: said.text, retry_after })
  }
  heldBack.add(nowMs + waitMs, () => {
    pressure.letGo(client, length)
    // Nothing of a revoked session is stored once it is over; whoever lost its line says it again.
    if (client.closed) {
      connection.bucket.giveBack()
      connection.projectBucket.giveBack()
      delivery.end(notStored('the connection is over'))
      return
    }
    refreshKeepAlive(client)
    take(delivery, said)
    if (heldBack.isEmpty && !connection.isOverRate) itsTurn(client)
  })
}

/**
 * Over its rate a message waits its turn, at most so long; a device that goes on then is cut. Past `mqttReadOnWaitMsMax` of its project's
 * debt it is read no further until then.
 */
const inTurn = (delivery: Delivery, said: Said): void => {
  const { client, bucket, projectBucket, heldBack } = delivery.connection
  const nowMs = delivery.edge.deps.monotonic()
  const projectWaitMs = projectBucket.take(nowMs)
  const waitMs = Math.max(bucket.take(nowMs), projectWaitMs)
  if (waitMs === 0 && heldBack.isEmpty) take(delivery, said)
  else if (waitMs > mqttHoldBackMsMax) {
    bucket.giveBack()
    projectBucket.giveBack()
    // Closed once what it waits for is acknowledged; what else it has sent would be refused as well.
    delivery.connection.isOverRate = true
    stopReading(client, 'turn')
    delivery.end(new Error(overRate))
  } else {
    if (projectWaitMs > mqttReadOnWaitMsMax) stopReading(client, 'turn')
    holdBack(delivery, said, waitMs)
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

export type Publish = Pick<AedesPublishPacket, 'topic' | 'payload' | 'qos' | 'retain'> & {
  readonly dup?: boolean
}

const bytesOf = ({ payload }: Publish): Buffer =>
  typeof payload === 'string' ? Buffer.from(payload) : payload

/** What a device may not do: another device's topic, a system topic, retained, a text that is none [MQTT-1.5.3-1]. */
const ownTopic = (
  connection: Connection,
  { topic: text, retain }: Publish,
): UpTopic | undefined => {
  const topic = commonTopics.get(text) ?? parseUpTopic(text)
  const isOwn = topic !== undefined && connection.isOwn(topic.device)
  return isOwn && !retain && !text.includes('\uFFFD') ? topic : undefined
}

/** One message of a signed-in device, `id` being its packet id where it has one. */
export const deliver = (edge: Edge, connection: Connection, packet: Publish, id: number): void => {
  const topic = ownTopic(connection, packet)
  if (!topic) {
    connection.client.emit('error', trespass(edge.deps, connection, packet.topic))
    return
  }
  const payload = bytesOf(packet)
  const received = { qos: packet.qos, id, length: payload.length }
  const isSentAgain = packet.dup === true
  const said = { topic, text: packet.topic, payload, isSentAgain }
  inTurn(new Delivery(edge, connection, received), said)
}

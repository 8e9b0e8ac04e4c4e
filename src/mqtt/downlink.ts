import type { DownError, DownTime } from '../../protocol/down-payloads.ts'
import { mqttErrors } from '../../protocol/errors.ts'
import { instantOf } from '../../protocol/instant.ts'
import { unheardErrorsMax } from '../../protocol/limits.ts'
import type { DownGrants, DownWatermark } from '../../protocol/recording-payloads.ts'
import { type DownMessage, downTopic, type TopicRecording } from '../../protocol/topics.ts'
import { say } from './aedes-client.ts'
import type { Connection } from './connection.ts'
import { publishBytes } from './packets.ts'
import { encodePayload } from './payload.ts'

/** In the spelling that the device subscribed, in the encoding that it spoke last; to nobody who did not subscribe. */
const send = (connection: Connection, message: DownMessage, qos: 0 | 1, value: object): void => {
  const { client, subscribed, downQos, encoding } = connection
  if (subscribed === undefined || client.closed) return
  const topic = downTopic(subscribed, message, encoding)
  const payload = encodePayload(value, encoding)
  const id = Math.min(qos, downQos) === 0 ? undefined : connection.nextDownId()
  say(client, publishBytes(topic, payload, id))
}

/** Server time, for the device's clock skew. */
export const sendTime = (connection: Connection, nowMs: number): void =>
  send(connection, 'time', 0, { now: instantOf(nowMs) } satisfies DownTime)

/** Spelled as the device does. */
export const sendGrants = (
  connection: Connection,
  recording: TopicRecording,
  grants: DownGrants,
): void => send(connection, `recordings/${recording}/grants`, 1, grants)

export const sendWatermark = (
  connection: Connection,
  recording: TopicRecording,
  watermark: DownWatermark,
): void => send(connection, `recordings/${recording}/watermark`, 1, watermark)

/** What `down/errors` says; without a message of its own it is the code's. */
export type DeviceFault = Readonly<
  Omit<DownError, 'message' | 'fatal'> & Partial<Pick<DownError, 'message'>>
>

/** What was wrong with an uplink message: 3.1.1 has no negative acknowledgement. */
export const sendError = (connection: Connection, fault: DeviceFault): void => {
  const { message, fatal } = mqttErrors[fault.code]
  connection.unheard.push({ message, ...fault, fatal })
  if (connection.unheard.length > unheardErrorsMax) connection.unheard.shift()
  if (connection.subscribed !== undefined) sendUnheard(connection)
}

/** What was wrong before the device listened: clients send again what was not acknowledged before they subscribe. */
export const sendUnheard = (connection: Connection): void => {
  for (const error of connection.unheard.splice(0)) send(connection, 'errors', 1, error)
}

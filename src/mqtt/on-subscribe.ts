import type { AuthorizeForwardHandler, Client, SubscribePacket, UnsubscribePacket } from 'aedes'
import { mqttFiltersMax } from '../../protocol/limits.ts'
import { downFilter, parseDownFilter } from '../../protocol/topics.ts'
import { type InboundPacket, refreshKeepAlive } from './aedes-client.ts'
import type { Connection, Connections } from './connection.ts'
import { sendTime } from './downlink.ts'
import type { BrokerDeps } from './ports.ts'

/** The code of a filter that is refused (MQTT 3.1.1, section 3.9.3). */
const refused = 0x80

const remainingLength = (length: number): number[] => {
  const digits: number[] = []
  for (let rest = length; digits.length === 0 || rest > 0; rest >>= 7)
    digits.push(rest > 0x7f ? (rest & 0x7f) | 0x80 : rest)
  return digits
}

/** SUBACK with a code for each filter, in their order [MQTT-3.8.4-5]. */
const suback = (id: number, codes: readonly number[]): Buffer =>
  Buffer.from([0x90, ...remainingLength(2 + codes.length), id >> 8, id & 0xff, ...codes])

/** UNSUBACK (section 3.11). */
const unsuback = (id: number): Buffer => Buffer.from([0xb0, 2, id >> 8, id & 0xff])

/** The own downlink and nothing else: anything else is refused, and the connection stays. */
const codeOf = (
  connection: Connection,
  { topic, qos }: SubscribePacket['subscriptions'][number],
): number => {
  const device = parseDownFilter(topic)
  if (device === undefined || !connection.isOwn(device)) return refused
  connection.subscribed = device
  return Math.min(qos, 1)
}

/**
 * What a device hears is sent to it directly, never routed: nothing is subscribed with Aedes, so there is nothing that a filter
 * could let through.
 */
export const takeSubscribe = (deps: BrokerDeps, connections: Connections) => {
  const subscribe = (
    client: Client,
    connection: Connection,
    packet: SubscribePacket,
    id: number,
  ): void => {
    if (packet.subscriptions.length > mqttFiltersMax) {
      client.emit('error', new Error(`more than ${mqttFiltersMax} filters in a SUBSCRIBE`))
      return
    }
    const codes = packet.subscriptions.map((one) => codeOf(connection, one))
    client.conn.write(suback(id, codes))
    if (codes.some((code) => code !== refused)) sendTime(connection, deps.now())
  }

  const unsubscribe = (
    client: Client,
    connection: Connection,
    packet: UnsubscribePacket,
    id: number,
  ): void => {
    const left = packet.unsubscriptions.map(parseDownFilter)
    if (left.includes(connection.subscribed)) connection.subscribed = undefined
    client.conn.write(unsuback(id))
  }

  return (client: Client, packet: InboundPacket): boolean => {
    const connection = connections.of(client)
    if (!connection || !client.connected) return false
    const { messageId = 0 } = packet as { messageId?: number }
    if (packet.cmd === 'subscribe')
      subscribe(client, connection, packet as InboundPacket & SubscribePacket, messageId)
    else if (packet.cmd === 'unsubscribe')
      unsubscribe(client, connection, packet as InboundPacket & UnsubscribePacket, messageId)
    else return false
    refreshKeepAlive(client)
    return true
  }
}

const isOwnDown = ({ session }: Connection, topic: string): boolean =>
  [downFilter('me'), downFilter(session.principal.deviceId)].some((filter) =>
    topic.startsWith(filter.slice(0, -1)),
  )

/** Nothing leaves towards a device but what was made for it. */
export const onForward =
  (connections: Connections): AuthorizeForwardHandler =>
  (client, packet) => {
    const connection = connections.of(client)
    return connection && isOwnDown(connection, packet.topic) ? packet : null
  }

import type { AuthorizeForwardHandler, Client, SubscribePacket } from 'aedes'
import { mqttFiltersMax } from '../../protocol/limits.ts'
import { downFilter, parseDownFilter } from '../../protocol/topics.ts'
import { type InboundPacket, refreshKeepAlive, say } from './aedes-client.ts'
import type { Connection, Connections } from './connection.ts'
import { sendTime, sendUnheard } from './downlink.ts'
import { subackBytes, unsubackBytes } from './packets.ts'
import type { BrokerDeps } from './ports.ts'

type InboundFilters = InboundPacket & {
  readonly messageId?: number
  readonly subscriptions?: SubscribePacket['subscriptions']
  readonly unsubscriptions?: readonly string[]
}

/** The code of a filter that is refused (MQTT 3.1.1, section 3.9.3). */
const refused = 0x80

/** Why the filters of a packet close the connection: none [MQTT-3.8.3-3, MQTT-3.10.3-2], too many, or a packet id of 0 [MQTT-2.3.1-1]. */
const faultOf = (filters: readonly unknown[], id: number): string | undefined => {
  if (id === 0) return 'a packet id of 0'
  if (filters.length === 0) return 'no filter'
  return filters.length > mqttFiltersMax ? `more than ${mqttFiltersMax} filters` : undefined
}

/** The own downlink and nothing else: anything else is refused, and the connection stays. */
const codeOf = (
  connection: Connection,
  { topic, qos }: SubscribePacket['subscriptions'][number],
): number => {
  const device = parseDownFilter(topic)
  if (device === undefined || !connection.isOwn(device)) return refused
  connection.subscribed = device
  connection.downQos = qos === 0 ? 0 : 1
  return connection.downQos
}

/**
 * What a device hears is sent to it directly, never routed: nothing is subscribed with Aedes, so there is nothing that a filter
 * could let through.
 */
export const takeSubscribe = (deps: BrokerDeps, connections: Connections) => {
  const subscribe = (
    client: Client,
    connection: Connection,
    filters: SubscribePacket['subscriptions'],
    id: number,
  ): void => {
    const codes = filters.map((one) => codeOf(connection, one))
    say(client, subackBytes(id, codes))
    if (codes.every((code) => code === refused)) return
    sendTime(connection, deps.now())
    sendUnheard(connection)
    deps.recordings?.resume(connection)
  }

  const unsubscribe = (
    client: Client,
    connection: Connection,
    filters: readonly string[],
    id: number,
  ): void => {
    const left = filters.map(parseDownFilter)
    if (left.includes(connection.subscribed)) connection.subscribed = undefined
    say(client, unsubackBytes(id))
  }

  const meet = (connection: Connection, { cmd, messageId = 0, ...lists }: InboundFilters): void => {
    const { client } = connection
    const fault = faultOf(lists.subscriptions ?? lists.unsubscriptions ?? [], messageId)
    if (fault !== undefined) client.emit('error', new Error(`a ${cmd} with ${fault}`))
    else if (lists.subscriptions) subscribe(client, connection, lists.subscriptions, messageId)
    else unsubscribe(client, connection, lists.unsubscriptions ?? [], messageId)
  }

  return (client: Client, packet: InboundPacket): boolean => {
    const connection = client.connected ? connections.of(client) : undefined
    if (!connection || (packet.cmd !== 'subscribe' && packet.cmd !== 'unsubscribe')) return false
    meet(connection, packet)
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

import type { AuthorizeForwardHandler, AuthorizeSubscribeHandler } from 'aedes'
import { downFilter, parseDownFilter } from '../../protocol/topics.ts'
import type { Connection, Connections } from './connection.ts'

const isOwnDown = ({ session }: Connection, topic: string): boolean =>
  [downFilter('me'), downFilter(session.principal.deviceId)].some((filter) =>
    topic.startsWith(filter.slice(0, -1)),
  )

/** The own downlink and nothing else: anything else is SUBACK 0x80, and the connection stays. */
export const onSubscribe =
  (connections: Connections): AuthorizeSubscribeHandler =>
  (client, subscription, callback) => {
    const connection = connections.of(client)
    const device = parseDownFilter(subscription.topic)
    if (!connection || device === undefined || !connection.isOwn(device))
      return callback(null, null)
    connection.subscribed = device
    // Aedes grants what stands in the packet's own subscription.
    subscription.qos = subscription.qos === 0 ? 0 : 1
    callback(null, subscription)
  }

/** Nothing leaves towards a device but what was made for it. */
export const onForward =
  (connections: Connections): AuthorizeForwardHandler =>
  (client, packet) => {
    const connection = connections.of(client)
    return connection && isOwnDown(connection, packet.topic) ? packet : null
  }

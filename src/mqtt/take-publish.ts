import type { Client } from 'aedes'
import { mqttInflightMax } from '../../protocol/limits.ts'
import type { Acknowledgements } from './acknowledgements.ts'
import {
  type InboundPacket,
  type InboundPublish,
  refreshKeepAlive,
  stopReading,
} from './aedes-client.ts'
import { commonTopics } from './common-topics.ts'
import type { Connection, Connections } from './connection.ts'
import type { PublishFrame } from './frames.ts'
import { deliver, type Publish } from './on-publish.ts'
import type { BrokerDeps } from './ports.ts'
import { Pressure } from './pressure.ts'

/**
 * What Aedes would do with a PUBLISH, without its costs a message: no routing, no promise, the acknowledgements of a commit in one
 * write a client. A client is read no further while too much of it, or of all, waits for the log.
 */
export const takePublish = (
  deps: BrokerDeps,
  connections: Connections,
  acknowledgements: Acknowledgements,
) => {
  const pressure = new Pressure()
  const edge = { deps, pressure, acknowledgements }

  const publish = (connection: Connection, packet: Publish, id: number): void => {
    const { client, completions } = connection
    deliver(edge, connection, packet, id)
    if (connection.held || completions.waiting < mqttInflightMax) return
    connection.held = true
    stopReading(client, 'inflight')
  }

  const publishTwice = (connection: Connection, packet: Publish, id: number): void => {
    const { client, exactlyOnce } = connection
    const met = exactlyOnce.meet(id)
    if (met === 'too-many')
      client.emit('error', new Error('too many QoS 2 messages wait for their PUBREL'))
    else if (met === 'stored') acknowledgements.add(client, 'pubrec', id)
    else if (met === 'new') publish(connection, packet, id)
  }

  const take = (connection: Connection, packet: InboundPublish): void => {
    const { client } = connection
    const { messageId: id = 0, qos } = packet
    // [MQTT-2.3.1-1]
    if (qos > 0 && id === 0) client.emit('error', new Error('a packet id of 0'))
    else if (qos === 2) publishTwice(connection, packet, id)
    else publish(connection, packet, id)
  }

  const release = ({ client, exactlyOnce }: Connection, id: number): void => {
    exactlyOnce.release(id)
    acknowledgements.add(client, 'pubcomp', id)
  }

  return {
    pressure,
    packet: (client: Client, packet: InboundPacket): boolean => {
      const connection = client.connected ? connections.of(client) : undefined
      if (!connection || (packet.cmd !== 'publish' && packet.cmd !== 'pubrel')) return false
      refreshKeepAlive(client)
      const inbound = packet as InboundPublish
      if (packet.cmd === 'publish') take(connection, inbound)
      else release(connection, inbound.messageId ?? 0)
      return true
    },
    /** The same out of the bytes, for the topics of nearly every message. */
    frame: (client: Client, { topic, id, payload }: PublishFrame): boolean => {
      const connection = connections.of(client)
      if (!connection || !client.connected || !commonTopics.has(topic)) return false
      const qos = id === undefined ? 0 : 1
      publish(connection, { topic, payload, qos, retain: false }, id ?? 0)
      return true
    },
  }
}

import { createServer, type Server, type Socket } from 'node:net'
import { Aedes, type Client, type PublishPacket } from 'aedes'
import {
  mqttConnectMsMax,
  mqttInflightQos2Max,
  mqttPacketBytesBeforeConnackMax,
  mqttPacketBytesMax,
  topicLevelsMax,
} from '../../protocol/limits.ts'
import type { CloseReason } from '../../protocol/observations.ts'
import { Acknowledgements } from './acknowledgements.ts'
import { cut, interceptPackets, internals, limitPackets, readFreely } from './aedes-client.ts'
import { type Connections, createConnections } from './connection.ts'
import { EarlyPackets } from './early-packets.ts'
import { takeFrames } from './frames.ts'
import { Intake } from './intake.ts'
import { createConnect } from './on-connect.ts'
import { onPublish, takePublish } from './on-publish.ts'
import { onForward, takeSubscribe } from './on-subscribe.ts'
import type { BrokerDeps } from './ports.ts'

export type Broker = {
  readonly port: number
  /** Clients with a socket, signed in or not. */
  readonly connected: () => number
  /** Takes no more connections, lets what is pending be stored, and closes every session. */
  readonly close: () => Promise<void>
}

const listening = (server: Server, host: string, port: number): Promise<number> =>
  new Promise((resolve, reject) => {
    server.once('error', reject)
    server.listen({ host, port }, () => {
      server.off('error', reject)
      const address = server.address()
      resolve(typeof address === 'object' && address ? address.port : port)
    })
  })

/** Aedes' own use of it, which its types leave out: who published stands between the packet and the callback. */
type Publish = (packet: PublishPacket, client: unknown, done?: (error?: Error) => void) => void

const createAedes = async (deps: BrokerDeps, connections: Connections): Promise<Aedes> => {
  const broker = await Aedes.createBroker({
    ...createConnect(deps, connections),
    authorizePublish: onPublish(deps, connections),
    // Subscriptions never come this far.
    authorizeSubscribe: (_client, _subscription, callback) => callback(null, null),
    authorizeForward: onForward(connections),
    connectTimeout: mqttConnectMsMax,
    maxInflightInbound: mqttInflightQos2Max,
    maxTopicLevels: topicLevelsMax,
  })
  // What devices publish ends in the log: it is routed to nobody, so that it need not be looked up who would want it.
  const route = broker.publish.bind(broker) as Publish
  const skipUplink: Publish = (packet, client, done) => {
    if (typeof client === 'object' && client !== null) done?.()
    else route(packet, client, done)
  }
  Object.assign(broker, { publish: skipUplink })
  return broker
}

const reasonOf = (client: Client, errors: WeakMap<Client, string>): CloseReason => {
  const error = errors.get(client)
  if (error === undefined) return 'disconnected'
  if (error.includes('keep alive')) return 'keepalive'
  return error.includes('not stored') ? 'store_down' : 'lost'
}

const followSessions = (broker: Aedes, deps: BrokerDeps, connections: Connections): void => {
  const errors = new WeakMap<Client, string>()
  broker.on('clientError', (client, error) => errors.set(client, error.message))
  broker.on('clientDisconnect', (client) => {
    const connection = connections.of(client)
    if (connection) deps.auth.closeSession(connection.session.id, reasonOf(client, errors))
  })
}

const closing =
  (server: Server, broker: Aedes, sockets: ReadonlySet<Socket>, deps: BrokerDeps) => async () => {
    const ended = new Promise((resolve) => server.close(resolve))
    await deps.ingest.idle()
    for (const socket of sockets) socket.destroy()
    await new Promise<void>((resolve) => broker.close(() => resolve()))
    await ended
  }

/** The broker edge: MQTT 3.1.1 over TCP. Throws what `listen` does: `EADDRINUSE` for a taken port. */
export const startBroker = async (
  deps: BrokerDeps & { readonly host: string; readonly port: number },
): Promise<Broker> => {
  const connections = createConnections()
  const broker = await createAedes(deps, connections)
  followSessions(broker, deps, connections)
  const publish = takePublish(deps, connections, new Acknowledgements())
  const subscribe = takeSubscribe(deps, connections)
  const early = new EarlyPackets()
  const intake = new Intake(deps.monotonic)
  broker.on('clientReady', (client) => early.release(client))
  const sockets = new Set<Socket>()
  const server = createServer({ noDelay: true }, (socket) => {
    sockets.add(socket)
    socket.once('close', () => sockets.delete(socket))
    const client = broker.handle(socket)
    interceptPackets(
      client,
      (packet) =>
        early.keep(client, packet) || publish.packet(client, packet) || subscribe(client, packet),
    )
    const bytesMax = () =>
      internals(client)._authorized ? mqttPacketBytesMax : mqttPacketBytesBeforeConnackMax
    limitPackets(client, bytesMax)
    readFreely(client, (chunk) => intake.add(client, chunk))
    takeFrames(client, (frame) => publish.frame(client, frame), bytesMax)
    // Whoever is never admitted has no session to end.
    socket.once('error', () => cut(client))
  })
  const port = await listening(server, deps.host, deps.port)
  return { port, connected: () => sockets.size, close: closing(server, broker, sockets, deps) }
}

import type { Duplex } from 'node:stream'
import { Aedes, type Client } from 'aedes'
import {
  mqttDrainMsMax,
  mqttPacketBytesMax,
  mqttRejectsPerMinuteMax,
  topicLevelsMax,
} from '../../protocol/limits.ts'
import type { CloseReason } from '../../protocol/observations.ts'
import { Acknowledgements } from './acknowledgements.ts'
import { cut, interceptPackets, limitPackets, readFreely, welcome } from './aedes-client.ts'
import { Connection, type Connections, createConnections } from './connection.ts'
import { takeFrames } from './frames.ts'
import { Ticks } from './held-back.ts'
import { Intake } from './intake.ts'
import { type Address, type Listener, openListeners } from './listeners.ts'
import { type Admit, createSignIns } from './on-connect.ts'
import { overRate } from './on-publish.ts'
import { onForward, takeSubscribe } from './on-subscribe.ts'
import type { BrokerDeps } from './ports.ts'
import { DeviceRates, ProjectRates } from './project-rates.ts'
import { Rests } from './rests.ts'
import { takePublish } from './take-publish.ts'
import {
  type Certificate,
  frameHeld,
  overTcp,
  overTls,
  overWebSocket,
  type Tls,
} from './transports.ts'
import { Unfinished } from './unfinished.ts'

export type Broker = {
  readonly port: number
  readonly tlsPort: number | undefined
  readonly webSocketPort: number | undefined
  /** Clients with a socket, signed in or not. */
  readonly connected: () => number
  /** Bytes of payloads that wait for the log. */
  readonly pendingBytes: () => number
  /** Another certificate for what connects from now on. Throws where its two parts do not fit. */
  readonly reload: (certificate: Certificate) => void
  /** Takes no more connections, lets what is pending be stored, and closes every session. */
  readonly close: () => Promise<void>
}

/** Where devices come in. */
export type Ways = {
  readonly tcp: Address
  readonly tls?: Address & { readonly certificate: Certificate }
  readonly webSocket?: Address
  /** Whether a balancer in front begins each connection with a PROXY header, version 2. */
  readonly isProxied: boolean
}

const createAedes = async (connections: Connections): Promise<Aedes> => {
  const broker = await Aedes.createBroker({
    // Whoever comes, publishes or subscribes never comes this far.
    preConnect: (_client, _packet, callback) => callback(new Error('connected past Lapel'), false),
    authorizePublish: (_client, _packet, callback) => callback(new Error('published past Lapel')),
    authorizeSubscribe: (_client, _subscription, callback) => callback(null, null),
    authorizeForward: onForward(connections),
    drainTimeout: mqttDrainMsMax,
    maxTopicLevels: topicLevelsMax,
  })
  // Nothing is routed: what devices publish ends in the log, what they hear is sent to them directly, and nobody hears who comes and goes.
  const publish = (_packet: unknown, client: unknown, done?: () => void): void => {
    if (typeof client === 'function') client()
    else done?.()
  }
  Object.assign(broker, { publish })
  return broker
}

const reasonOf = (client: Client, errors: WeakMap<Client, string>): CloseReason => {
  const error = errors.get(client)
  if (error === undefined) return 'disconnected'
  if (error.includes('keep alive')) return 'keepalive'
  return error.includes('not stored') ? 'store_down' : 'lost'
}

type Following = { readonly connections: Connections; readonly rests: Rests }

const followSessions = (
  broker: Aedes,
  deps: BrokerDeps,
  { connections, rests }: Following,
): void => {
  const errors = new WeakMap<Client, string>()
  broker.on('clientError', (client, error) => errors.set(client, error.message))
  broker.on('clientDisconnect', (client) => {
    const connection = connections.of(client)
    if (!connection) return
    const { id, principal } = connection.session
    if (errors.get(client) === overRate) rests.begin(principal.tokenId)
    deps.auth.closeSession(id, reasonOf(client, errors))
  })
}

/** How the bytes of a client become packets, and who meets them. */
const createClients = (deps: BrokerDeps, broker: Aedes, connections: Connections) => {
  const publish = takePublish(deps, connections, new Acknowledgements())
  const subscribe = takeSubscribe(deps, connections)
  const intake = new Intake(deps.monotonic)
  const unfinished = new Unfinished()
  const open = (conn: Duplex): Client => {
    const client = broker.handle(conn)
    interceptPackets(
      client,
      (packet) => publish.packet(client, packet) || subscribe(client, packet),
    )
    const bytesMax = () => mqttPacketBytesMax
    limitPackets(client, bytesMax)
    readFreely(client, (chunk) => intake.add(client, chunk))
    const onHeld = unfinished.holder(() => cut(client))
    const onFrameHeld = unfinished.holder(() => cut(client))
    takeFrames(client, { take: (frame) => publish.frame(client, frame), bytesMax, onHeld })
    conn.on(frameHeld, onFrameHeld)
    conn.once('close', () => {
      onHeld(0)
      onFrameHeld(0)
    })
    return client
  }
  const devices = new DeviceRates(deps.rates)
  const projects = new ProjectRates(deps.rates)
  const ticks = new Ticks(deps.monotonic)
  const admit: Admit = ({ conn, packet, rest }, session) => {
    const { deviceId, project } = session.principal
    const client = open(conn)
    const nowMs = deps.monotonic()
    const rates = {
      ofDevice: devices.bucketOf(deviceId, nowMs),
      ofProject: projects.bucketOf(project, nowMs),
      rejectsPerMinute: mqttRejectsPerMinuteMax,
      ticks,
    }
    connections.add(new Connection(client, session, rates))
    // The session is the token's device, whatever client id was sent: equal ids never kick a stranger.
    welcome(broker, client, { id: deviceId, keepAliveSeconds: packet.keepAliveSeconds })
    if (rest.length > 0) intake.add(client, rest)
    return () => cut(client)
  }
  return { admit, pressure: publish.pressure }
}

const wanted = ({ tcp, tls, webSocket }: Ways, secure: Tls | undefined): Listener[] => [
  { ...tcp, transport: overTcp },
  ...(tls && secure ? [{ ...tls, transport: secure.transport }] : []),
  ...(webSocket ? [{ ...webSocket, transport: overWebSocket() }] : []),
]

/** The broker edge: MQTT 3.1.1 over TCP, TLS and WebSocket. Throws what `listen` does: `EADDRINUSE` for a taken port. */
export const startBroker = async (deps: BrokerDeps & Ways): Promise<Broker> => {
  const connections = createConnections()
  const broker = await createAedes(connections)
  const rests = new Rests(deps.monotonic)
  followSessions(broker, deps, { connections, rests })
  const clients = createClients(deps, broker, connections)
  const signIns = createSignIns(deps, rests, clients.admit)
  const secure = deps.tls && overTls(deps.tls.certificate)
  const listeners = await openListeners(wanted(deps, secure), {
    ...deps,
    mayCall: signIns.mayArrive,
    onCaller: signIns.arrive,
  })
  const [tcp = 0, ...others] = listeners.ports
  return {
    port: tcp,
    tlsPort: deps.tls ? others.shift() : undefined,
    webSocketPort: deps.webSocket ? others.shift() : undefined,
    connected: listeners.connected,
    pendingBytes: () => clients.pressure.bytes,
    reload: (certificate) => secure?.reload(certificate),
    close: async () => {
      const ended = listeners.close()
      await deps.ingest.idle()
      listeners.destroyAll()
      await new Promise<void>((resolve) => broker.close(() => resolve()))
      await ended
    },
  }
}

import type { AuthenticateError, AuthenticateHandler, Client, PreConnectHandler } from 'aedes'
import {
  mqttKeepAliveSecondsMax,
  mqttKeepAliveSecondsMin,
  mqttRejectsPerMinuteMax,
} from '../../protocol/limits.ts'
import type { CloseReason } from '../../protocol/observations.ts'
import { parseUpTopic } from '../../protocol/topics.ts'
import type { OpenOutcome, Session } from '../auth/ports.ts'
import { cut, internals } from './aedes-client.ts'
import { Connection, type Connections } from './connection.ts'
import type { BrokerDeps } from './ports.ts'

const unacceptableVersion = Buffer.from([0x20, 2, 0, 1])

/** CONNACK codes (MQTT 3.1.1, table 3.1; MQTT contract, "Connect"). */
const codes = { identifier: 2, unavailable: 3, credentials: 4, notAuthorised: 5 } as const

const codeOf = (kind: Exclude<OpenOutcome['kind'], 'opened'>): number => {
  switch (kind) {
    case 'malformed':
    case 'unknown':
    case 'wrong-secret':
      return codes.credentials
    case 'dead':
      return codes.notAuthorised
    case 'not-now':
      return codes.unavailable
  }
}

const refusal = (returnCode: number, message: string): AuthenticateError =>
  Object.assign(new Error(message), { returnCode }) as AuthenticateError

type ConnectPacket = Parameters<PreConnectHandler>[1]

/** A will may stand on the device's own will topic alone; it is a hint, and is not kept. */
const isForeignWill = ({ will }: ConnectPacket): boolean => {
  if (!will) return false
  const topic = parseUpTopic(will.topic)
  return topic?.kind !== 'will' || will.retain === true
}

const faultOf = (packet: ConnectPacket): string | undefined => {
  const { keepalive = 0, clean, clientId } = packet
  if (keepalive < mqttKeepAliveSecondsMin || keepalive > mqttKeepAliveSecondsMax)
    return `keep-alive must be ${mqttKeepAliveSecondsMin} to ${mqttKeepAliveSecondsMax} s`
  if (!clientId && !clean) return 'an empty client id needs a clean session'
  return isForeignWill(packet) ? 'a will may only be on the own will topic' : undefined
}

/** Whose will it was, to see whether it is the signed-in device's own. */
type Arrived = { readonly fault: string | undefined; readonly will: string | undefined }

export const createConnect = (deps: BrokerDeps, connections: Connections) => {
  const arrived = new WeakMap<Client, Arrived>()

  const preConnect: PreConnectHandler = (client, packet, callback) => {
    // [MQTT-3.1.2-2]: Aedes knows 3.1, too, which this contract does not.
    if (packet.protocolVersion !== 4) {
      client.conn.write(unacceptableVersion)
      callback(new Error('unacceptable protocol version'), false)
      return
    }
    arrived.set(client, { fault: faultOf(packet), will: packet.will?.topic })
    // Every session is clean, and wills are not kept: Aedes is told neither.
    Object.assign(packet, { clean: true })
    delete packet.will
    callback(null, true)
  }

  const open = async (
    client: Client,
    password: Buffer | undefined,
  ): Promise<Session | AuthenticateError> => {
    const fault = arrived.get(client)?.fault
    if (fault !== undefined) return refusal(codes.identifier, fault)
    let session: Session | undefined
    const kick = (reason: CloseReason): void => {
      deps.log.info({ session: session?.id, reason }, 'session closed by the broker')
      cut(client)
    }
    const remote = 'remoteAddress' in client.conn ? String(client.conn.remoteAddress) : ''
    const outcome = await deps.auth.openSession(password?.toString('utf8') ?? '', remote, kick)
    if (outcome.kind !== 'opened')
      return refusal(codeOf(outcome.kind), `sign-in refused: ${outcome.kind}`)
    session = outcome.session
    return session
  }

  const admit = async (
    client: Client,
    session: Session,
  ): Promise<AuthenticateError | undefined> => {
    const { deviceId } = session.principal
    const will = arrived.get(client)?.will
    const device = will === undefined ? 'me' : parseUpTopic(will)?.device
    const end = (reason: CloseReason) => deps.auth.closeSession(session.id, reason)
    if (device !== 'me' && device !== deviceId) {
      end('protocol_error')
      return refusal(codes.identifier, "another device's will")
    }
    if (!deps.ingest.knows(deviceId)) {
      const window = await deps.readWindow(deviceId)
      if (window) deps.ingest.remember(deviceId, window)
    }
    if (client.closed) end('lost')
    const rates = {
      perSecond: deps.rateDevice,
      rejectsPerMinute: mqttRejectsPerMinuteMax,
      nowMs: deps.monotonic(),
    }
    connections.add(new Connection(client, session, rates))
    // The session is the token's device, whatever client id was sent: equal ids never kick a stranger.
    internals(client).id = deviceId
    return undefined
  }

  const authenticate: AuthenticateHandler = (client, _username, password, callback) => {
    const run = async (): Promise<AuthenticateError | undefined> => {
      const session = await open(client, password)
      if (session instanceof Error) return session
      return await admit(client, session)
    }
    run().then(
      (refused) => (refused ? callback(refused, null) : callback(null, true)),
      (error: unknown) => {
        deps.log.error({ error }, 'sign-in failed')
        callback(refusal(codes.unavailable, 'not now'), null)
      },
    )
  }

  return { preConnect, authenticate }
}

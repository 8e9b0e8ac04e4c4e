import type { AuthenticateError, AuthenticateHandler, Client, PreConnectHandler } from 'aedes'
import { mqttRejectsPerMinuteMax, mqttSignInsMax } from '../../protocol/limits.ts'
import type { CloseReason } from '../../protocol/observations.ts'
import { parseUpTopic } from '../../protocol/topics.ts'
import type { OpenOutcome, Session } from '../auth/ports.ts'
import { cut, internals } from './aedes-client.ts'
import type { ConnectPacket } from './connect-packet.ts'
import { Connection, type Connections } from './connection.ts'
import { connackCodes } from './lobby.ts'
import type { BrokerDeps } from './ports.ts'
import { ProjectRates } from './project-rates.ts'

const codeOf = (kind: Exclude<OpenOutcome['kind'], 'opened'>): number => {
  switch (kind) {
    case 'malformed':
    case 'unknown':
    case 'wrong-secret':
      return connackCodes.credentials
    case 'dead':
      return connackCodes.notAuthorised
    case 'not-now':
      return connackCodes.unavailable
  }
}

const refusal = (returnCode: number, message: string): AuthenticateError =>
  Object.assign(new Error(message), { returnCode }) as AuthenticateError

/** What is known of a client before it is signed in. */
export type Arrival = { readonly remote: string } & Pick<ConnectPacket, 'will'>

const preConnect: PreConnectHandler = (_client, packet, callback) => {
  // Every session is clean, and wills are not kept: Aedes is told neither.
  Object.assign(packet, { clean: true })
  delete packet.will
  callback(null, true)
}

/** The second half of a CONNECT: the first, what needs no look-up, was the lobby's. */
export const createConnect = (deps: BrokerDeps, connections: Connections) => {
  const projects = new ProjectRates(deps.rates)
  const arrivals = new WeakMap<Client, Arrival>()
  const signingIn = new Set<Client>()

  const open = async (
    client: Client,
    password: Buffer | undefined,
  ): Promise<Session | AuthenticateError> => {
    let session: Session | undefined
    const kick = (reason: CloseReason): void => {
      deps.log.info({ session: session?.id, reason }, 'session closed by the broker')
      cut(client)
    }
    const remote = arrivals.get(client)?.remote ?? ''
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
    const will = arrivals.get(client)?.will
    const device = will === undefined ? 'me' : parseUpTopic(will.topic)?.device
    const end = (reason: CloseReason) => deps.auth.closeSession(session.id, reason)
    if (device !== 'me' && device !== deviceId) {
      end('protocol_error')
      return refusal(connackCodes.identifier, "another device's will")
    }
    if (!deps.ingest.knows(deviceId)) {
      const window = await deps.readWindow(deviceId)
      if (window) deps.ingest.remember(deviceId, window)
    }
    if (client.closed) end('lost')
    const nowMs = deps.monotonic()
    const rates = {
      perSecond: deps.rates.device,
      ofProject: projects.bucketOf(session.principal.project, nowMs),
      rejectsPerMinute: mqttRejectsPerMinuteMax,
      nowMs,
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
    const running = run().finally(() => signingIn.delete(client))
    running.then(
      (refused) => (refused ? callback(refused, null) : callback(null, true)),
      (error: unknown) => {
        deps.log.error({ error }, 'sign-in failed')
        callback(refusal(connackCodes.unavailable, 'not now'), null)
      },
    )
  }

  return {
    /** Whether one more may sign in now. */
    mayArrive: (): boolean => signingIn.size < mqttSignInsMax,
    arrive: (client: Client, arrival: Arrival): void => {
      arrivals.set(client, arrival)
      signingIn.add(client)
      client.conn.once('close', () => signingIn.delete(client))
    },
    hooks: { preConnect, authenticate },
  }
}

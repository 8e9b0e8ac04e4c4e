import type { TokenId } from '../../protocol/ids.ts'
import { mqttRestingCallersMax, mqttSignInsMax } from '../../protocol/limits.ts'
import type { CloseReason } from '../../protocol/observations.ts'
import { parseToken } from '../../protocol/tokens.ts'
import { parseUpTopic } from '../../protocol/topics.ts'
import type { OpenOutcome, Session } from '../auth/ports.ts'
import type { ConnectPacket } from './connect-packet.ts'
import type { Caller } from './listeners.ts'
import { connackCodes } from './lobby.ts'
import { pause } from './pause.ts'
import type { BrokerDeps } from './ports.ts'
import type { Rests } from './rests.ts'

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

const isOthersWill = ({ will }: ConnectPacket, { principal }: Session): boolean => {
  const device = will === undefined ? 'me' : parseUpTopic(will.topic)?.device
  return device !== 'me' && device !== principal.deviceId
}

type Deps = Pick<BrokerDeps, 'auth' | 'ingest' | 'readWindow' | 'log'>

/** Lets a caller in whose session is open; returns how to cut it off. Whatever it has sent beyond its CONNECT is met only now. */
export type Admit = (caller: Caller, session: Session) => () => void

/**
 * The second half of a CONNECT: the first, what needs no look-up, was the lobby's. Until it is over nothing is made for the caller and
 * nothing is read of what it sends meanwhile [MQTT-3.1.4-5].
 */
export const createSignIns = (deps: Deps, rests: Rests, admit: Admit) => {
  const { auth, ingest, readWindow, log } = deps
  const signingIn = new Set<Caller>()
  let resting = 0

  const rememberWindow = async ({ principal: { deviceId } }: Session): Promise<void> => {
    if (ingest.knows(deviceId)) return
    const window = await readWindow(deviceId)
    if (window) ingest.remember(deviceId, window)
  }

  /** The session, or the CONNACK's code. */
  const open = async (
    { packet, remote }: Caller,
    kick: (reason: CloseReason) => void,
  ): Promise<Session | number> => {
    const outcome = await auth.openSession(packet.password, remote, kick)
    if (outcome.kind !== 'opened') return codeOf(outcome.kind)
    const { session } = outcome
    if (isOthersWill(packet, session)) {
      auth.closeSession(session.id, 'protocol_error')
      return connackCodes.identifier
    }
    await rememberWindow(session)
    if (auth.lease.holds()) return session
    auth.closeSession(session.id, 'store_down')
    return connackCodes.unavailable
  }

  const signIn = async (caller: Caller): Promise<void> => {
    const { conn, refuse } = caller
    let cutOff = (): void => void conn.destroy()
    let session: Session | undefined
    const opened = await open(caller, (reason) => {
      log.info({ session: session?.id, reason }, 'session closed by the broker')
      cutOff()
    })
    if (typeof opened === 'number') refuse(opened)
    else if (conn.destroyed) auth.closeSession(opened.id, 'lost')
    else {
      session = opened
      cutOff = admit(caller, opened)
    }
  }

  const restMsOf = ({ packet }: Caller): number => {
    const token = parseToken(packet.password)
    return token ? rests.leftMs(token.id as TokenId) : 0
  }

  /** A device that comes again and again is answered no sooner than it would be let in. */
  const keepWaiting = async ({ refuse }: Caller, restMs: number): Promise<void> => {
    resting += 1
    if (resting <= mqttRestingCallersMax) await pause(restMs)
    resting -= 1
    refuse(connackCodes.unavailable)
  }

  return {
    /** Whether one more may sign in now. */
    mayArrive: (): boolean => signingIn.size < mqttSignInsMax,
    arrive: (caller: Caller): void => {
      const restMs = restMsOf(caller)
      if (restMs > 0) {
        void keepWaiting(caller, restMs)
        return
      }
      signingIn.add(caller)
      const isOver = (): void => void signingIn.delete(caller)
      caller.conn.once('close', isOver)
      signIn(caller)
        .catch((error: unknown) => {
          log.error({ error }, 'sign-in failed')
          caller.refuse(connackCodes.unavailable)
        })
        .finally(isOver)
    },
  }
}

import type { DeviceId, SessionId } from '../../protocol/ids.ts'
import type { Instant } from '../../protocol/instant.ts'
import { sessionsPerNodeMax } from '../../protocol/limits.ts'
import type { CloseReason } from '../../protocol/observations.ts'
import type { Position } from '../store/event-store.ts'
import { beforeAll, type CredentialEvent } from './overlay.ts'
import type { Kick } from './ports.ts'
import { evolveToken, type TokenTruth } from './truth.ts'
import { isUsable } from './verify.ts'

/** A session on this node, from the step in which its token was found good until its end. */
export type LocalSession = {
  readonly id: SessionId
  readonly deviceId: DeviceId
  readonly kick: Kick
  /** What is true of its token up to `asOf`; later events are laid over it as they are followed. */
  truth: TokenTruth
  asOf: Position
  /** Its place in the order in which this node writes sessions down; none before it is. */
  order: number
  /** The position of its commit, once that is known. */
  epoch: Position | undefined
  /** The highest epoch of the same device on another node that was followed before that. */
  overtakenAt: Position
  ended: CloseReason | undefined
}

export type SessionTable = {
  /** `undefined` past `sessionsPerNodeMax`. */
  readonly register: (of: {
    id: SessionId
    truth: TokenTruth
    asOf: Position
    kick: Kick
  }) => LocalSession | undefined
  readonly get: (id: SessionId) => LocalSession | undefined
  readonly ofDevice: (id: DeviceId) => readonly LocalSession[]
  /** Takes it out, silently; whether it was still there. */
  readonly end: (session: LocalSession, reason: CloseReason) => boolean
  /** Takes it out and tells `onEnded`. */
  readonly kick: (session: LocalSession, reason: CloseReason) => void
  readonly kickAll: (reason: CloseReason) => void
  /** Another node opened a session of that device at that position: what is older here ends. */
  readonly overtake: (id: DeviceId, epoch: Position) => void
  /** Ends what the event ends: by token, so that what stands before a session's `asOf` never hits it. How many ended. */
  readonly follow: (event: CredentialEvent) => number
  /** Ends sessions on replaced tokens whose time is up. */
  readonly sweep: (at: Instant) => void
  readonly all: () => readonly LocalSession[]
  readonly size: () => number
}

const reasonOf = ({ event }: CredentialEvent): CloseReason => {
  if (event.type === 'DeviceUnbound') return 'unbound'
  return event.type === 'DeviceTokenRevoked' && event.data.reason === 'unbound'
    ? 'unbound'
    : 'revoked'
}

/** `onEnded` is told of every session that is kicked, to close its socket and write that down. */
export const createSessionTable = (
  onEnded: (session: LocalSession, reason: CloseReason) => void,
): SessionTable => {
  const byId = new Map<SessionId, LocalSession>()
  const byDevice = new Map<DeviceId, Set<LocalSession>>()
  /** On a token that was replaced: their time may be up without an event. */
  const onReplaced = new Set<LocalSession>()

  const end = (session: LocalSession, reason: CloseReason): boolean => {
    if (session.ended) return false
    session.ended = reason
    byId.delete(session.id)
    onReplaced.delete(session)
    const ofDevice = byDevice.get(session.deviceId)
    ofDevice?.delete(session)
    if (ofDevice?.size === 0) byDevice.delete(session.deviceId)
    return true
  }

  const kick = (session: LocalSession, reason: CloseReason): void => {
    if (end(session, reason)) onEnded(session, reason)
  }

  const set = (session: LocalSession, truth: TokenTruth, asOf: Position): void => {
    session.truth = truth
    session.asOf = asOf
    if (truth.state === 'old') onReplaced.add(session)
  }

  return {
    end,
    kick,
    kickAll: (reason) => {
      for (const session of [...byId.values()]) kick(session, reason)
    },
    overtake: (id, epoch) => {
      for (const session of byDevice.get(id) ?? []) {
        if (session.epoch === undefined) session.overtakenAt = epoch
        else if (session.epoch < epoch) kick(session, 'taken_over')
      }
    },
    get: (id) => byId.get(id),
    all: () => [...byId.values()],
    size: () => byId.size,
    ofDevice: (id) => [...(byDevice.get(id) ?? [])],
    register: ({ id, truth, asOf, kick: close }) => {
      if (byId.size >= sessionsPerNodeMax) return undefined
      const session: LocalSession = {
        id,
        deviceId: truth.deviceId,
        kick: close,
        truth,
        asOf,
        order: Number.POSITIVE_INFINITY,
        epoch: undefined,
        overtakenAt: beforeAll,
        ended: undefined,
      }
      byId.set(id, session)
      const ofDevice = byDevice.get(truth.deviceId) ?? new Set()
      byDevice.set(truth.deviceId, ofDevice.add(session))
      set(session, truth, asOf)
      return session
    },
    follow: (event) => {
      if (event.kind !== 'device') return 0
      const before = byId.size
      for (const session of byDevice.get(event.subject) ?? []) {
        if (event.position <= session.asOf) continue
        const truth = evolveToken(session.truth, event.event)
        set(session, truth, event.position)
        if (truth.state === 'dead' || truth.state === 'superseded') kick(session, reasonOf(event))
      }
      return before - byId.size
    },
    sweep: (at) => {
      for (const session of onReplaced) if (!isUsable(session.truth, at)) kick(session, 'revoked')
    },
  }
}

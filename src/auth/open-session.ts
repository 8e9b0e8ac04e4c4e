import type { Random } from '../../protocol/base62.ts'
import { newSessionId } from '../../protocol/ids.ts'
import { sealKeyMsMax } from '../../protocol/limits.ts'
import type { CloseReason } from '../../protocol/observations.ts'
import type { Token } from '../../protocol/tokens.ts'
import type { Position } from '../store/event-store.ts'
import type { Vault } from '../store/vault.ts'
import { within } from './bounded.ts'
import type { Credentials } from './credentials.ts'
import type { DevicePrincipal, Kick, OpenOutcome } from './ports.ts'
import type { SessionLog } from './session-log.ts'
import type { LocalSession, SessionTable } from './session-table.ts'
import { createSignInRate } from './sign-in-rate.ts'
import type { TokenEvents } from './token-events.ts'
import type { TokenTruth } from './truth.ts'

type Deps = {
  readonly credentials: Credentials
  readonly table: SessionTable
  readonly sessionLog: SessionLog
  readonly tokenEvents: TokenEvents
  readonly vault: Pick<Vault, 'keyOf'>
  readonly holds: () => boolean
  readonly monotonic: () => number
  readonly random: Random
}

/** Whom a token that was found good stands for; `undefined` for one whose device is bound no more. */
export const principalOf = (truth: TokenTruth): DevicePrincipal | undefined =>
  truth.binding === null
    ? undefined
    : {
        kind: 'device',
        project: truth.project,
        deviceId: truth.deviceId,
        tokenId: truth.tokenId,
        ...truth.binding,
      }

const refusalOf = (reason: CloseReason): 'dead' | 'not-now' =>
  reason === 'revoked' || reason === 'unbound' ? 'dead' : 'not-now'

export const createSessionOpener = (deps: Deps) => {
  const { credentials, table, sessionLog, tokenEvents, vault, holds, random } = deps
  const mayOpen = createSignInRate(deps.monotonic)

  const drop = (session: LocalSession, reason: CloseReason): void => {
    if (table.end(session, reason)) sessionLog.closed(session, reason)
  }

  const takeOver = ({ deviceId, order }: LocalSession): void => {
    for (const other of table.ofDevice(deviceId))
      if (other.order < order) table.kick(other, 'taken_over')
  }

  /** In the step of its commit: what is newer on another node was followed already, what is older here goes. */
  const settle = (session: LocalSession, epoch: Position): void => {
    if (session.ended) return
    session.epoch = epoch
    if (!holds()) drop(session, 'store_down')
    else if (session.overtakenAt > epoch) drop(session, 'taken_over')
    else takeOver(session)
  }

  const commit = (session: LocalSession): Promise<Position | undefined> =>
    new Promise((resolve) => {
      sessionLog.opened(session, (error, epoch) => {
        if (epoch !== undefined) settle(session, epoch)
        // Only what may be in the log has to be closed there.
        else if (error === 'overfull') table.end(session, 'overloaded')
        else drop(session, 'store_down')
        resolve(epoch)
      })
    })

  const sealKeyOf = async ({ endUserId }: DevicePrincipal): Promise<Uint8Array | undefined> => {
    try {
      const key = await within(vault.keyOf(endUserId), sealKeyMsMax)
      return key === 'late' ? undefined : key
    } catch {
      return undefined // observations go on without what would have to be sealed
    }
  }

  const confirm = async (session: LocalSession): Promise<void> => {
    if (session.truth.state !== 'unconfirmed') return
    const outcome = await tokenEvents.confirm(session.truth)
    // Nothing about it is in the log yet, so nothing has to be closed there.
    if (outcome !== 'confirmed') table.end(session, outcome === 'dead' ? 'revoked' : 'store_down')
  }

  const open = async (session: LocalSession, principal: DevicePrincipal): Promise<OpenOutcome> => {
    await confirm(session)
    if (session.ended) return { kind: refusalOf(session.ended) }
    const [epoch, sealKey] = await Promise.all([commit(session), sealKeyOf(principal)])
    if (session.ended) return { kind: refusalOf(session.ended) }
    if (epoch === undefined || !holds()) return { kind: 'not-now' }
    return { kind: 'opened', session: { id: session.id, principal, epoch, sealKey } }
  }

  return async (token: Token, remote: string, kick: Kick): Promise<OpenOutcome> => {
    const checked = await credentials.check(token, remote, ({ truth, asOf }) => {
      const principal = truth.kind === 'token' ? principalOf(truth) : undefined
      if (truth.kind !== 'token' || !principal || !mayOpen(principal.deviceId)) return undefined
      const session = table.register({ id: newSessionId(random), truth, asOf, kick })
      return session && { session, principal }
    })
    if (checked.kind !== 'accepted') return checked
    const registered = checked.result
    return registered ? open(registered.session, registered.principal) : { kind: 'not-now' }
  }
}

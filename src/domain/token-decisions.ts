import type { DeviceEvent } from '../../protocol/events/lifecycle.ts'
import type { TokenId } from '../../protocol/ids.ts'
import { type Instant, msOf, plusMs } from '../../protocol/instant.ts'
import { type Decision, type Refusal, refuse, yielding } from './decision.ts'
import type { Device } from './device.ts'
import type { TokenSecret } from './device-tokens.ts'

// --- outcomes and decisions

const superseded = (tokenId: TokenId): DeviceEvent => ({
  type: 'DeviceTokenRevoked',
  data: { token_ids: [tokenId], reason: 'superseded' },
})

const confirmed = (tokenId: TokenId): DeviceEvent => ({
  type: 'DeviceTokenConfirmed',
  data: { token_id: tokenId },
})

export type RefreshOutcome = { readonly kind: 'refreshed' } | Refusal<'not-live'>

/**
 * A new token for the one that was presented, which works on until the new one is first used, at most `graceMs`.
 * Presented is the newest token, or the one before it while the newest is unseen: then that unseen one ends here.
 */
export const refreshToken =
  (args: { presented: TokenId; next: TokenSecret; graceMs: number }, at: Instant) =>
  (state: Device): Decision<RefreshOutcome, DeviceEvent> => {
    if (state.status !== 'bound') return refuse('not-live')
    const { current, old } = state.tokens
    const again = old?.token_id === args.presented && at <= old.validUntil
    if (!current || (current.token_id !== args.presented && !again)) return refuse('not-live')
    const next: DeviceEvent = {
      type: 'DeviceTokenRefreshed',
      data: { ...args.next, replaces: args.presented, old_valid_until: plusMs(at, args.graceMs) },
    }
    if (again) return yielding({ kind: 'refreshed' }, next, superseded(current.token_id))
    // To present it is to use it: what came before it ends in an event, never in silence.
    const first = current.confirmed ? [] : [confirmed(current.token_id)]
    return yielding({ kind: 'refreshed' }, ...first, next)
  }

export type ConfirmOutcome = { readonly kind: 'confirmed' | 'known' } | Refusal<'not-live'>

/** The first use of a refreshed token ends the one before it. */
export const confirmToken =
  (args: { tokenId: TokenId }) =>
  (state: Device): Decision<ConfirmOutcome, DeviceEvent> => {
    if (state.status !== 'bound' || state.tokens.current?.token_id !== args.tokenId)
      return refuse('not-live')
    if (state.tokens.current.confirmed) return yielding({ kind: 'known' })
    return yielding({ kind: 'confirmed' }, confirmed(args.tokenId))
  }

const hourMs = 3_600_000
const isDue = (last: Instant | null | undefined, at: Instant): boolean =>
  !last || msOf(at) - msOf(last) >= hourMs

/** A superseded token was presented: a theft signal, at most one event a token and hour. */
export const reportReuse =
  (args: { tokenId: TokenId }, at: Instant) =>
  (state: Device): Decision<{ readonly kind: 'recorded' | 'recent' }, DeviceEvent> => {
    if (state.status === 'unknown') return yielding({ kind: 'recent' })
    if (!isDue(state.tokens.reuseSeenAt[args.tokenId], at)) return yielding({ kind: 'recent' })
    return yielding(
      { kind: 'recorded' },
      { type: 'TokenReuseDetected', data: { token_id: args.tokenId } },
    )
  }

/** Too many takeovers: two parties seem to hold one token. At most one event an hour. */
export const suspectClone =
  (args: { tokenId: TokenId; takeovers: number }, at: Instant) =>
  (state: Device): Decision<{ readonly kind: 'recorded' | 'recent' }, DeviceEvent> => {
    if (state.status === 'unknown' || !isDue(state.tokens.cloneSeenAt, at))
      return yielding({ kind: 'recent' })
    return yielding(
      { kind: 'recorded' },
      {
        type: 'CloneSuspected',
        data: { token_id: args.tokenId, takeovers: args.takeovers },
      },
    )
  }

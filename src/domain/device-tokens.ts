import type { DeviceEvent } from '../../protocol/events/lifecycle.ts'
import type { BindingId, TokenId } from '../../protocol/ids.ts'
import type { Instant } from '../../protocol/instant.ts'
import type { Timed } from './decision.ts'

// --- state

/** A token as its event holds it: never the secret, only its HMAC and the name of the pepper. */
export type TokenSecret = {
  readonly token_id: TokenId
  readonly hmac: string
  readonly pepper_kid: string
}

export type DeviceTokens = {
  /** The newest token, and whether it was ever used. */
  readonly current:
    | (TokenSecret & { readonly bindingId: BindingId; readonly confirmed: boolean })
    | null
  /** The one before it, which works until the newest is first used, and never past `validUntil`. */
  readonly old: (TokenSecret & { readonly validUntil: Instant }) | null
  /** When a token's reuse was last recorded. */
  readonly reuseSeenAt: { readonly [tokenId: string]: Instant }
  readonly cloneSeenAt: Instant | null
}

export const noTokens: DeviceTokens = {
  current: null,
  old: null,
  reuseSeenAt: {},
  cloneSeenAt: null,
}

/** The ids of all tokens that still open something. */
export const liveTokenIds = (tokens: DeviceTokens): readonly TokenId[] =>
  [tokens.current, tokens.old].flatMap((token) => (token ? [token.token_id] : []))

// --- evolve

type TokenEvent = Extract<
  DeviceEvent,
  {
    type:
      | 'DeviceTokenIssued'
      | 'DeviceTokenRefreshed'
      | 'DeviceTokenConfirmed'
      | 'DeviceTokenRevoked'
      | 'TokenReuseDetected'
      | 'CloneSuspected'
  }
>

const secretOf = ({ token_id, hmac, pepper_kid }: TokenSecret): TokenSecret => ({
  token_id,
  hmac,
  pepper_kid,
})

const refreshed = (
  tokens: DeviceTokens,
  data: Extract<TokenEvent, { type: 'DeviceTokenRefreshed' }>['data'],
): DeviceTokens => {
  const replaced = [tokens.current, tokens.old].find((token) => token?.token_id === data.replaces)
  if (!tokens.current || !replaced) return tokens
  return {
    ...tokens,
    current: { ...secretOf(data), bindingId: tokens.current.bindingId, confirmed: false },
    old: { ...secretOf(replaced), validUntil: data.old_valid_until },
  }
}

const without = <T extends TokenSecret>(token: T | null, ids: readonly TokenId[]): T | null =>
  token && ids.includes(token.token_id) ? null : token

export const evolveTokens = (tokens: DeviceTokens, event: Timed<TokenEvent>): DeviceTokens => {
  switch (event.type) {
    case 'DeviceTokenIssued':
      return {
        ...tokens,
        current: { ...secretOf(event.data), bindingId: event.data.binding_id, confirmed: true },
        old: null,
      }
    case 'DeviceTokenRefreshed':
      return refreshed(tokens, event.data)
    case 'DeviceTokenConfirmed':
      return tokens.current?.token_id === event.data.token_id
        ? { ...tokens, current: { ...tokens.current, confirmed: true }, old: null }
        : tokens
    case 'DeviceTokenRevoked':
      return {
        ...tokens,
        current: without(tokens.current, event.data.token_ids),
        old: without(tokens.old, event.data.token_ids),
      }
    case 'TokenReuseDetected':
      return {
        ...tokens,
        reuseSeenAt: { ...tokens.reuseSeenAt, [event.data.token_id]: event.at },
      }
    case 'CloneSuspected':
      return { ...tokens, cloneSeenAt: event.at }
  }
}

import type { ApiKeyEvent } from '../../protocol/events/lifecycle.ts'
import type { ApiKeyId } from '../../protocol/ids.ts'
import { type Instant, plusMs } from '../../protocol/instant.ts'
import type { Scope } from '../../protocol/scopes.ts'
import {
  type Aggregate,
  type Decision,
  type Refusal,
  refuse,
  type Timed,
  yielding,
} from './decision.ts'

// --- state

export type KeySecret = {
  readonly hmac: string
  readonly pepper_kid: string
  readonly hint: string
}

export type ApiKey =
  | { readonly status: 'unknown' }
  | {
      readonly status: 'active' | 'revoked'
      readonly keyId: ApiKeyId
      readonly kind: 'secret' | 'restricted'
      readonly scopes: readonly Scope[]
      readonly sealed: string
      readonly current: KeySecret
      /** The secret before the last rotation, and until when it still works. */
      readonly old: (KeySecret & { readonly validUntil: Instant }) | null
      readonly createdAt: Instant
      readonly updatedAt: Instant
    }

export const initial: ApiKey = { status: 'unknown' }

// --- evolve

const secretOf = ({ hmac, pepper_kid, hint }: KeySecret): KeySecret => ({ hmac, pepper_kid, hint })

export const evolve = (state: ApiKey, event: Timed<ApiKeyEvent>): ApiKey => {
  switch (event.type) {
    case 'ApiKeyCreated':
      return {
        status: 'active',
        keyId: event.data.key_id,
        kind: event.data.kind,
        scopes: event.data.scopes,
        sealed: event.data.sealed,
        current: secretOf(event.data),
        old: null,
        createdAt: event.at,
        updatedAt: event.at,
      }
    case 'ApiKeyRotated':
      if (state.status === 'unknown') return state
      return {
        ...state,
        current: secretOf(event.data),
        old: { ...state.current, validUntil: event.data.old_valid_until },
        updatedAt: event.at,
      }
    case 'ApiKeyRevoked':
      return state.status === 'unknown'
        ? state
        : { ...state, status: 'revoked', old: null, updatedAt: event.at }
  }
}

export const apiKey: Aggregate<ApiKey, ApiKeyEvent> = { initial, evolve }

// --- outcomes and decisions

export type NewKey = {
  readonly keyId: ApiKeyId
  readonly kind: 'secret' | 'restricted'
  readonly scopes: readonly Scope[]
  readonly secret: KeySecret
  readonly sealed: string
}

export const create =
  (args: NewKey) =>
  (state: ApiKey): Decision<{ readonly kind: 'created' | 'exists' }, ApiKeyEvent> =>
    state.status === 'unknown'
      ? yielding(
          { kind: 'created' },
          {
            type: 'ApiKeyCreated',
            data: {
              key_id: args.keyId,
              ...args.secret,
              kind: args.kind,
              scopes: [...args.scopes],
              sealed: args.sealed,
            },
          },
        )
      : yielding({ kind: 'exists' })

type Dead = 'unknown-key' | 'revoked'
const dead = (state: ApiKey): Dead | undefined => {
  if (state.status === 'unknown') return 'unknown-key'
  return state.status === 'revoked' ? 'revoked' : undefined
}

/** The old secret works on for `overlapMs`, 0 for not at all. */
export const rotate =
  (args: { secret: KeySecret; overlapMs: number }, at: Instant) =>
  (state: ApiKey): Decision<{ readonly kind: 'rotated' } | Refusal<Dead>, ApiKeyEvent> => {
    const because = dead(state)
    if (because) return refuse(because)
    return yielding(
      { kind: 'rotated' },
      {
        type: 'ApiKeyRotated',
        data: { ...args.secret, old_valid_until: plusMs(at, args.overlapMs) },
      },
    )
  }

export const revoke =
  () =>
  (
    state: ApiKey,
  ): Decision<
    { readonly kind: 'revoked' | 'already-revoked' } | Refusal<'unknown-key'>,
    ApiKeyEvent
  > => {
    if (state.status === 'unknown') return refuse('unknown-key')
    if (state.status === 'revoked') return yielding({ kind: 'already-revoked' })
    return yielding({ kind: 'revoked' }, { type: 'ApiKeyRevoked', data: { reason: 'requested' } })
  }

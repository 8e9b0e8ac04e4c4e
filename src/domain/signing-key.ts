import type { SigningKeyEvent } from '../../protocol/events/lifecycle.ts'
import { type Aggregate, type Decision, type Timed, yielding } from './decision.ts'

// --- state

export type SigningKey =
  | { readonly status: 'unknown' }
  | { readonly status: 'active' | 'retired'; readonly publicKey: string }

export const initial: SigningKey = { status: 'unknown' }

// --- evolve

export const evolve = (state: SigningKey, event: Timed<SigningKeyEvent>): SigningKey => {
  switch (event.type) {
    case 'SigningKeyAdded':
      return { status: 'active', publicKey: event.data.public_key }
    case 'SigningKeyRetired':
      return state.status === 'unknown' ? state : { ...state, status: 'retired' }
  }
}

export const signingKey: Aggregate<SigningKey, SigningKeyEvent> = { initial, evolve }

// --- outcomes and decisions

/** `publicKey` is base64 of the 32 raw bytes; `crossSig` by the key `by`, which for the first key is itself. */
export const add =
  (args: { kid: string; publicKey: string; by: string; crossSig: string }) =>
  (state: SigningKey): Decision<{ readonly kind: 'added' | 'known' }, SigningKeyEvent> =>
    state.status === 'unknown'
      ? yielding(
          { kind: 'added' },
          {
            type: 'SigningKeyAdded',
            data: {
              kid: args.kid,
              public_key: args.publicKey,
              by: args.by,
              cross_sig: args.crossSig,
            },
          },
        )
      : yielding({ kind: 'known' })

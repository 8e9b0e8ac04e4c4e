import type { EndUserEvent } from '../../protocol/events/lifecycle.ts'
import type { EndUserId } from '../../protocol/ids.ts'
import type { Instant } from '../../protocol/instant.ts'
import {
  type Aggregate,
  type Decision,
  type Refusal,
  refuse,
  type Timed,
  yielding,
} from './decision.ts'

// --- state

export type EndUser =
  | { readonly status: 'unknown' }
  | {
      readonly status: 'active' | 'erased'
      readonly endUserId: EndUserId
      /** Sealed objects, oldest first; opened and laid over each other they are the person. */
      readonly sealed: readonly string[]
      readonly createdAt: Instant
      readonly updatedAt: Instant
    }

export const initial: EndUser = { status: 'unknown' }

// --- evolve

export const evolve = (state: EndUser, event: Timed<EndUserEvent>): EndUser => {
  switch (event.type) {
    case 'EndUserCreated':
      return {
        status: 'active',
        endUserId: event.data.end_user_id,
        sealed: [event.data.sealed],
        createdAt: event.at,
        updatedAt: event.at,
      }
    case 'EndUserUpdated':
      return state.status === 'unknown'
        ? state
        : { ...state, sealed: [...state.sealed, event.data.sealed], updatedAt: event.at }
    case 'EndUserErased':
      return state.status === 'unknown'
        ? state
        : { ...state, status: 'erased', sealed: [], updatedAt: event.at }
  }
}

export const endUser: Aggregate<EndUser, EndUserEvent> = { initial, evolve }

// --- outcomes and decisions

export const create =
  (args: { endUserId: EndUserId; sealed: string }) =>
  (state: EndUser): Decision<{ readonly kind: 'created' | 'exists' }, EndUserEvent> =>
    state.status === 'unknown'
      ? yielding(
          { kind: 'created' },
          { type: 'EndUserCreated', data: { end_user_id: args.endUserId, sealed: args.sealed } },
        )
      : yielding({ kind: 'exists' })

export type UpdateOutcome = { readonly kind: 'updated' } | Refusal<'unknown-end-user'>

export const update =
  (args: { sealed: string }) =>
  (state: EndUser): Decision<UpdateOutcome, EndUserEvent> =>
    state.status === 'active'
      ? yielding({ kind: 'updated' }, { type: 'EndUserUpdated', data: { sealed: args.sealed } })
      : refuse('unknown-end-user')

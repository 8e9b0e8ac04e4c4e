import type { ClaimEvent } from '../../protocol/events/lifecycle.ts'
import type { DeviceId, EndUserId } from '../../protocol/ids.ts'
import { type Aggregate, type Decision, type Timed, yielding } from './decision.ts'

// --- state

export type Holder = DeviceId | EndUserId

/** Who holds a value that may be held once, and how often it was taken: each taking became one thing. */
export type Claim = {
  readonly holder: Holder | null
  readonly takings: number
}

export const initial: Claim = { holder: null, takings: 0 }

// --- evolve

export const evolve = (state: Claim, event: Timed<ClaimEvent>): Claim => {
  switch (event.type) {
    case 'ClaimTaken':
      return { holder: event.data.id, takings: state.takings + 1 }
    case 'ClaimReleased':
      return state.holder === event.data.id ? { ...state, holder: null } : state
  }
}

export const claim: Aggregate<Claim, ClaimEvent> = { initial, evolve }

// --- outcomes and decisions

/** `taken`: the caller holds it now. `held`: somebody does already; whether that still counts is for the caller to look up. */
export type TakeOutcome = {
  readonly kind: 'taken' | 'held'
  readonly holder: Holder
  /** The how-manieth taking of this value the holder's is, from 1. */
  readonly generation: number
}

/** One taking of the value: by whom, and the how-manieth it was. */
export type Taking = { readonly id: Holder; readonly takings: number }

const isLast = ({ holder, takings }: Claim, taking: Taking | undefined): boolean =>
  holder === taking?.id && takings === taking.takings

/**
 * Takes the value for `id`. The taking named in `over` was seen to be worth nothing any more (its holder was retired, erased, or has
 * another value) and is released in the same append; an id may take over its own, to be seen to hold it anew.
 */
export const take =
  (args: { id: Holder; over?: Taking | undefined; idem?: string }) =>
  (state: Claim): Decision<TakeOutcome, ClaimEvent> => {
    const { holder, takings } = state
    if (holder !== null && !isLast(state, args.over))
      return yielding({ kind: 'held', holder, generation: takings })
    const released: ClaimEvent[] =
      holder === null ? [] : [{ type: 'ClaimReleased', data: { id: holder } }]
    const idem = args.idem === undefined ? {} : { idem: args.idem }
    return yielding({ kind: 'taken', holder: args.id, generation: takings + 1 }, ...released, {
      type: 'ClaimTaken',
      data: { id: args.id, ...idem },
    } satisfies ClaimEvent)
  }

/** Gives the value back, unless it was taken again since, by whomever. */
export const release =
  (args: Taking) =>
  (state: Claim): Decision<{ readonly kind: 'released' | 'not-held' }, ClaimEvent> =>
    isLast(state, args)
      ? yielding({ kind: 'released' }, { type: 'ClaimReleased', data: { id: args.id } })
      : yielding({ kind: 'not-held' })

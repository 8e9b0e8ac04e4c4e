import type { Fact } from '../../protocol/events/lifecycle.ts'
import type { Instant } from '../../protocol/instant.ts'

/** What a decision yields: a word for the caller, and the events that make it true (none, if it already was or may not be). */
export type Decision<Outcome, Event extends Fact> = {
  readonly outcome: Outcome
  readonly events: readonly Event[]
}

/** A foreseen failure: a word that the edges map to a status. */
export type Refusal<Because extends string> = {
  readonly kind: 'refused'
  readonly because: Because
}

export const refuse = <Because extends string>(
  because: Because,
): Decision<Refusal<Because>, never> => ({ outcome: { kind: 'refused', because }, events: [] })

export const yielding = <Outcome, Event extends Fact = never>(
  outcome: Outcome,
  ...events: readonly Event[]
): Decision<Outcome, Event> => ({ outcome, events })

/** A fact with the server's time at which it was decided. */
export type Timed<Event extends Fact> = Event & { readonly at: Instant }

/** How a state is made of events. */
export type Aggregate<State, Event extends Fact> = {
  readonly initial: State
  readonly evolve: (state: State, event: Timed<Event>) => State
}

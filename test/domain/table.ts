import * as assert from 'uvu/assert'
import type { Fact } from '../../protocol/events/lifecycle.ts'
import { type Instant, instantOf } from '../../protocol/instant.ts'
import type { Aggregate, Decision } from '../../src/domain/decision.ts'

/** The k-th second of the test's time. */
export const second = (k: number): Instant => instantOf(Date.UTC(2026, 10, 22, 10, 0, k))

/** The state after these events, which happened a second apart. */
export const folded = <State, Event extends Fact>(
  { initial, evolve }: Aggregate<State, Event>,
  given: readonly Event[],
): State => given.reduce((state, event, k) => evolve(state, { ...event, at: second(k) }), initial)

export type Row<Outcome, Event extends Fact, State> = {
  readonly name: string
  readonly given: readonly Event[]
  readonly when: (state: State) => Decision<Outcome, Event>
  readonly outcome: Outcome
  /** None, where it is left out. */
  readonly events?: readonly Event[]
  /** What asking again answers and yields; left out, nothing and the same word. */
  readonly again?: { readonly outcome: Outcome; readonly events?: readonly Event[] }
}

const decides = <Outcome, Event extends Fact>(
  decision: Decision<Outcome, Event>,
  outcome: Outcome,
  events: readonly Event[],
): void => assert.equal(decision, { outcome, events })

/** Given what happened, when that is decided, then this is the outcome and these are the events; and asking twice is asking once. */
export const judge = <Outcome, Event extends Fact, State>(
  aggregate: Aggregate<State, Event>,
  { given, when, outcome, events = [], again }: Row<Outcome, Event, State>,
): void => {
  decides(when(folded(aggregate, given)), outcome, events)
  const twice = when(folded(aggregate, [...given, ...events]))
  decides(twice, again?.outcome ?? outcome, again?.events ?? [])
}

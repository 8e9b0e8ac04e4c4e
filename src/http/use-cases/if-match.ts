import type { EventOf, Fact, StreamKind } from '../../../protocol/events/lifecycle.ts'
import type { Instant } from '../../../protocol/instant.ts'
import { type Aggregate, type Decision, type Refusal, refuse } from '../../domain/decision.ts'
import type { Ledger } from '../../store/ledger.ts'
import type { StreamName } from '../../store/streams.ts'

type Decide<State, Outcome, Kind extends StreamKind> = (
  at: Instant,
) => (state: State) => Decision<Outcome, EventOf<Kind>>

type Place<State, Kind extends StreamKind> = {
  readonly stream: StreamName<Kind>
  readonly aggregate: Aggregate<State, EventOf<Kind>>
  /** Revisions, one of which the stream must be at; `undefined` for no condition. */
  readonly ifMatch: readonly number[] | undefined
}

const isSame = (a: unknown, b: unknown): boolean =>
  a === b || JSON.stringify(a) === JSON.stringify(b)

/** The decision, taken on the state that was seen or refused as `changed`. */
export const onlyOn =
  <State, Outcome, Event extends Fact>(
    seen: NoInfer<State>,
    decide: (state: State) => Decision<Outcome, Event>,
  ) =>
  (state: State): Decision<Outcome | Refusal<'changed'>, Event> =>
    isSame(state, seen) ? decide(state) : refuse('changed')

/**
 * The decision, refused as `changed` unless it is taken on the state of an expected revision (If-Match, RFC 9110, 13.1.1). What was
 * never written is left to the decision, which knows a better word.
 */
export const onlyIfMatch = async <State, Outcome, Kind extends StreamKind>(
  ledger: Ledger,
  { stream, aggregate, ifMatch }: Place<State, Kind>,
  decide: Decide<State, Outcome, Kind>,
): Promise<Decide<State, Outcome | Refusal<'changed'>, Kind>> => {
  if (!ifMatch) return decide
  const seen = await ledger.read(stream, aggregate)
  if (seen.revision < 0) return decide
  if (!ifMatch.includes(seen.revision)) return () => () => refuse('changed')
  return (at) => onlyOn(seen.state, decide(at))
}

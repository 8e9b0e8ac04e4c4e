import { type Envelope, leafHash } from '../../protocol/envelope.ts'
import type { EventOf, StreamKind } from '../../protocol/events/lifecycle.ts'
import type { Instant } from '../../protocol/instant.ts'
import { foldCacheStreamsMax } from '../../protocol/limits.ts'
import { createLru } from '../../protocol/lru.ts'
import type { Aggregate } from '../domain/decision.ts'
import type { EventStore, NewEvent, Position } from './event-store.ts'
import { emptyStream, type RecordedEvent, recordedOf, type StreamEnd } from './record.ts'
import { kindOf, type StreamName } from './streams.ts'

/** What was first written under an `Idempotency-Key`. */
export type Remembered = {
  readonly body: string
  readonly firstType: string
}

/** A stream folded up to a revision. */
export type Fold<State> = StreamEnd & {
  readonly state: State
  readonly position: Position | null
  readonly idems: ReadonlyMap<string, Remembered>
}

const remembered = (
  idems: ReadonlyMap<string, Remembered>,
  envelopes: readonly Envelope[],
): ReadonlyMap<string, Remembered> => {
  if (envelopes.every(({ idem }) => idem === undefined)) return idems
  const all = new Map(idems)
  for (const { a, idem, body } of envelopes)
    if (idem !== undefined && !all.has(idem)) all.set(idem, { body: body ?? '', firstType: a.type })
  return all
}

/** What a fold needs of an event, read back or just appended. */
type Foldable<Kind extends StreamKind> = EventOf<Kind> &
  Pick<RecordedEvent, 'at' | 'revision' | 'position' | 'envelope'>

const advance = <Kind extends StreamKind, State>(
  fold: Fold<State>,
  events: readonly Foldable<Kind>[],
  evolve: Aggregate<State, EventOf<Kind>>['evolve'],
): Fold<State> => {
  const last = events.at(-1)
  if (!last) return fold
  return {
    state: events.reduce(evolve, fold.state),
    revision: last.revision,
    position: last.position,
    at: last.at,
    leaf: leafHash(last.envelope.a),
    idems: remembered(
      fold.idems,
      events.map(({ envelope }) => envelope),
    ),
  }
}

type Appended = { readonly made: readonly NewEvent[]; readonly position: Position }

export type FoldCache = {
  /** The fold after an append of `facts`, which were stored as `made`. */
  readonly grow: <Kind extends StreamKind, State>(
    fold: Fold<State>,
    stream: StreamName<Kind>,
    aggregate: Aggregate<State, EventOf<Kind>>,
    appended: Appended & { readonly facts: readonly EventOf<Kind>[] },
  ) => Fold<State>
  /** The stream as it was last seen here, as an empty one where it never was. */
  readonly known: <Kind extends StreamKind, State>(
    stream: StreamName<Kind>,
    aggregate: Aggregate<State, EventOf<Kind>>,
  ) => Fold<State>
  /** The stream as it is now: what is cached, and its tail read from the store. Throws `StoreUnavailable`. */
  readonly load: <Kind extends StreamKind, State>(
    stream: StreamName<Kind>,
    aggregate: Aggregate<State, EventOf<Kind>>,
  ) => Promise<Fold<State>>
}

/** Folds of the streams that were used last, at most `foldCacheStreamsMax`; each load reads only what came since. */
export const createFoldCache = (store: EventStore): FoldCache => {
  const folds = createLru<string, Fold<unknown>>(foldCacheStreamsMax)

  const keep = (stream: string, fold: Fold<unknown>): void => {
    const newer = folds.get(stream)
    folds.set(stream, newer && newer.revision > fold.revision ? newer : fold)
  }

  const known = <Kind extends StreamKind, State>(
    stream: StreamName<Kind>,
    aggregate: Aggregate<State, EventOf<Kind>>,
  ): Fold<State> => {
    // One stream is always folded by the same aggregate.
    const cached = folds.get(stream) as Fold<State> | undefined
    return cached ?? { ...emptyStream, state: aggregate.initial, position: null, idems: new Map() }
  }

  return {
    known,
    grow: (fold, stream, aggregate, { facts, made, position }) => {
      const events = facts.map((fact, k) => {
        const envelope = made[k]?.metadata as Envelope
        return {
          ...fact,
          envelope,
          position,
          at: envelope.a.at as Instant,
          revision: envelope.a.rev,
        }
      })
      const grown = advance(fold, events, aggregate.evolve)
      keep(stream, grown)
      return grown
    },
    load: async <Kind extends StreamKind, State>(
      stream: StreamName<Kind>,
      aggregate: Aggregate<State, EventOf<Kind>>,
    ) => {
      const kind = kindOf(stream)
      const fold = known(stream, aggregate)
      const tail = await store.readStream(stream, fold.revision + 1)
      const events = tail.map((event) => recordedOf(event, kind))
      const loaded = advance(fold, events, aggregate.evolve)
      if (loaded.revision >= 0) keep(stream, loaded)
      return loaded
    },
  }
}

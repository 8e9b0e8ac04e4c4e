import { setTimeout as delay } from 'node:timers/promises'
import type { Random } from '../../protocol/base62.ts'
import type { EventOf, StreamKind } from '../../protocol/events/lifecycle.ts'
import { newEventId } from '../../protocol/ids.ts'
import { type Instant, instantOf, plusMs } from '../../protocol/instant.ts'
import { appendRetriesMax, attemptsMax } from '../../protocol/limits.ts'
import type { Aggregate, Decision } from '../domain/decision.ts'
import {
  type AppendResult,
  type EventStore,
  type NewEvent,
  type Position,
  StoreUnavailable,
} from './event-store.ts'
import { createFoldCache, type Fold } from './fold-cache.ts'
import type { Secrets } from './keyring.ts'
import { createRecentEvents, type RecentEvents } from './recent-events.ts'
import { type Provenance, record } from './record.ts'
import type { StreamName } from './streams.ts'

/** Every attempt met another writer. Come back later. */
export class Contended extends Error {
  override readonly name = 'Contended'
}

/** How a transaction ended. `made` counts its events; without one the stream is as it was. */
export type Done<State, Outcome> =
  | {
      readonly kind: 'done'
      readonly outcome: Outcome
      readonly state: State
      /** Of the last event of the stream, −1 when it has none. */
      readonly revision: number
      /** Of the last event of the stream, `null` when it has none. */
      readonly position: Position | null
      readonly made: number
    }
  /** The same request was carried out before: the first event that it made, and the stream as it is now. */
  | {
      readonly kind: 'replayed'
      readonly firstType: string
      readonly state: State
      readonly revision: number
      readonly position: Position | null
    }
  | { readonly kind: 'idempotency-mismatch' }

export type Folded<State> = {
  readonly state: State
  readonly revision: number
  readonly position: Position | null
}

export type Ledger = {
  /** Decide on what is known, append at its revision; on a conflict, or to write nothing, read and decide again, bounded. Throws `StoreUnavailable`, `Contended`. */
  readonly transact: <Kind extends StreamKind, State, Outcome>(
    stream: StreamName<Kind>,
    aggregate: Aggregate<State, EventOf<Kind>>,
    decide: (at: Instant) => (state: State) => Decision<Outcome, EventOf<Kind>>,
    by: Provenance,
  ) => Promise<Done<State, Outcome>>
  /** The stream as it is now. Throws `StoreUnavailable`. */
  readonly read: <Kind extends StreamKind, State>(
    stream: StreamName<Kind>,
    aggregate: Aggregate<State, EventOf<Kind>>,
  ) => Promise<Folded<State>>
  /** The stream as it was last seen here, as an empty one where it never was: nobody is asked. */
  readonly known: <Kind extends StreamKind, State>(
    stream: StreamName<Kind>,
    aggregate: Aggregate<State, EventOf<Kind>>,
  ) => Folded<State>
  /** A page of a stream's events, as it is now. Throws `StoreUnavailable`. */
  readonly history: RecentEvents['page']
}

type Deps = {
  readonly store: EventStore
  readonly secrets: Pick<Secrets, 'signing'>
  readonly now: () => number
  readonly random: Random
}

// Time rises in a stream, whatever the clock does; order is the revision.
const nextInstant = (now: number, last: Instant | null): Instant => {
  const wall = instantOf(now)
  return last !== null && wall <= last ? plusMs(last, 1) : wall
}

const retryDelayMs = 50

/** An append whose answer was lost is sent again as it was: the same ids at the same revision are the same append. */
const appendUntilKnown = async (
  store: EventStore,
  stream: string,
  events: readonly NewEvent[],
  revision: number,
): Promise<AppendResult> => {
  const expected = revision < 0 ? 'no_stream' : revision
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await store.append(stream, events, expected)
    } catch (error) {
      if (!(error instanceof StoreUnavailable) || attempt >= appendRetriesMax) throw error
      await delay(retryDelayMs * attempt)
    }
  }
}

/** The ids of one call, made as they are needed and the same in every attempt. */
const idsOfCall = (random: Random) => {
  const ids: string[] = []
  return (count: number): readonly string[] => {
    while (ids.length < count) ids.push(newEventId(random))
    return ids.slice(0, count)
  }
}

const met = <State>(fold: Fold<State>, { idem }: Provenance) => {
  const first = idem && fold.idems.get(idem.key)
  if (!first) return undefined
  if (first.body !== idem.body) return { kind: 'idempotency-mismatch' } as const
  const { state, revision, position } = fold
  return { kind: 'replayed', firstType: first.firstType, state, revision, position } as const
}

const done = <State, Outcome>(
  { state, revision, position }: Fold<State>,
  outcome: Outcome,
  made: number,
): Done<State, Outcome> => ({ kind: 'done', outcome, state, revision, position, made })

type Call<Kind extends StreamKind, State, Outcome> = {
  readonly stream: StreamName<Kind>
  readonly aggregate: Aggregate<State, EventOf<Kind>>
  readonly decide: (at: Instant) => (state: State) => Decision<Outcome, EventOf<Kind>>
  readonly by: Provenance
  readonly ids: (count: number) => readonly string[]
}

/** An append that met another writer, or its own first try, whose answer was lost. */
type Tried<Outcome> = {
  readonly kind: 'tried'
  readonly outcome: Outcome
  readonly id: string
  readonly revision: number
  readonly made: number
}

export const createLedger = ({ store, secrets, now, random }: Deps): Ledger => {
  const folds = createFoldCache(store)

  const attempt = async <Kind extends StreamKind, State, Outcome>(
    { stream, aggregate, decide, by, ids }: Call<Kind, State, Outcome>,
    fold: Fold<State>,
  ): Promise<Done<State, Outcome> | Tried<Outcome>> => {
    const before = met(fold, by)
    if (before) return before
    const at = nextInstant(now(), fold.at)
    const { outcome, events } = decide(at)(fold.state)
    if (events.length === 0) return done(fold, outcome, 0)
    const place = { stream, end: fold, at, ids: ids(events.length) }
    const made = record({ secrets, random }, events, place, by)
    const result = await appendUntilKnown(store, stream, made, fold.revision)
    if (result.kind === 'conflict')
      return {
        kind: 'tried',
        outcome,
        id: place.ids[0] ?? '',
        revision: fold.revision + 1,
        made: made.length,
      }
    const appended = { facts: events, made, position: result.position }
    return done(folds.grow(fold, stream, aggregate, appended), outcome, made.length)
  }

  /** Whether the append that seemed to conflict is in the stream after all. */
  const isStored = async (stream: string, { id, revision }: Tried<unknown>): Promise<boolean> => {
    const [event] = await store.readPage(stream, { from: revision, count: 1, order: 'asc' })
    return event?.id === id
  }

  /** `undefined`: another writer was met. */
  const settled = async <Kind extends StreamKind, State, Outcome>(
    { stream, aggregate }: Call<Kind, State, Outcome>,
    ended: Done<State, Outcome> | Tried<Outcome>,
  ): Promise<Done<State, Outcome> | undefined> => {
    if (ended.kind !== 'tried') return ended
    if (!(await isStored(stream, ended))) return undefined
    return done(await folds.load(stream, aggregate), ended.outcome, ended.made)
  }

  return {
    read: folds.load,
    known: folds.known,
    history: createRecentEvents(store).page,
    transact: async (stream, aggregate, decide, by) => {
      const call = { stream, aggregate, decide, by, ids: idsOfCall(random) }
      // On what is known already: an append holds only where nothing came since, and whatever writes nothing is decided again.
      const guess = await settled(call, await attempt(call, folds.known(stream, aggregate)))
      if (guess?.kind === 'done' && guess.made > 0) return guess
      for (let count = 1; count <= attemptsMax; count += 1) {
        const ended = await settled(call, await attempt(call, await folds.load(stream, aggregate)))
        if (ended) return ended
      }
      throw new Contended(`${stream}: ${attemptsMax} attempts met another writer`)
    },
  }
}

import type { Position } from '../../store/event-store.ts'
import type { Done } from '../../store/ledger.ts'

/** A stream as a write left it, or found it. */
export type Written<State> = {
  readonly state: State
  readonly revision: number
  readonly position: Position | null
}

/** The present of a stream after a transaction, whichever way it ended. */
export const writtenOf = <State>({
  state,
  revision,
  position,
}: Exclude<Done<State, unknown>, { kind: 'idempotency-mismatch' }>): Written<State> => ({
  state,
  revision,
  position,
})

import type { RecordingEvent } from '../../../protocol/events/lifecycle.ts'
import type { EndUserId } from '../../../protocol/ids.ts'
import { type Decision, type Refusal, refuse, yielding } from '../decision.ts'
import type { Recording } from './state.ts'

/** What people decide about a recording. */

type Gone = 'unknown-recording' | 'deleted'

const gone = (state: Recording): Gone | undefined => {
  if (state.kind === 'unknown') return 'unknown-recording'
  return state.deletedAt === null ? undefined : 'deleted'
}

export type UpdateOutcome = { readonly kind: 'updated' } | Refusal<Gone>

/** `sealed` holds only what changes; the caller knows that something does. */
export const update =
  (args: { readonly sealed: string; readonly sealedFor?: EndUserId | undefined }) =>
  (state: Recording): Decision<UpdateOutcome, RecordingEvent> => {
    const because = gone(state)
    if (because) return refuse(because)
    const sealedFor = args.sealedFor === undefined ? {} : { sealed_for: args.sealedFor }
    const data = { sealed: args.sealed, ...sealedFor }
    return yielding({ kind: 'updated' }, { type: 'RecordingUpdated', data })
  }

export type AssignOutcome =
  | { readonly kind: 'assigned' | 'known' }
  | Refusal<Gone | 'not-quarantined'>

/** Whose a recording in quarantine is, said by somebody who may. */
export const assign =
  (args: { readonly endUserId: EndUserId }) =>
  (state: Recording): Decision<AssignOutcome, RecordingEvent> => {
    if (state.kind === 'unknown') return refuse('unknown-recording')
    if (state.deletedAt !== null) return refuse('deleted')
    if (state.isAssigned && state.endUserId === args.endUserId) return yielding({ kind: 'known' })
    if (state.quarantineReason === null) return refuse('not-quarantined')
    const data = { end_user_id: args.endUserId }
    return yielding({ kind: 'assigned' }, { type: 'RecordingAssigned', data })
  }

export type RemoveOutcome =
  | { readonly kind: 'deleted' | 'already-deleted' }
  | Refusal<'unknown-recording'>

export const remove =
  () =>
  (state: Recording): Decision<RemoveOutcome, RecordingEvent> => {
    if (state.kind === 'unknown') return refuse('unknown-recording')
    if (state.deletedAt !== null) return yielding({ kind: 'already-deleted' })
    return yielding({ kind: 'deleted' }, { type: 'RecordingDeleted', data: {} })
  }

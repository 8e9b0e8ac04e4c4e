import type { ProjectId, RecordingId } from '../../../protocol/ids.ts'
import type { Refusal } from '../../domain/decision.ts'
import { type KnownRecording, recording } from '../../domain/recording/state.ts'
import type { Done } from '../../store/ledger.ts'
import { recordingStream } from '../../store/streams.ts'
import type { Caller } from '../call.ts'
import type { HttpDeps } from '../ports.ts'
import { Problem } from '../problems.ts'
import { type Refused, refusal } from '../refusals.ts'
import type { Written } from './written.ts'

/** A recording that is there, as its stream has it now. */
export type Present = Written<KnownRecording>

/** A device's token and an upload token open nothing but their own: whatever else they name is the same 403. */
const checkOwn = (caller: Caller, state: KnownRecording | undefined): void => {
  if (caller.kind === 'device' && state?.deviceId !== caller.deviceId)
    throw new Problem('forbidden')
}

/** Throws 404 for none, or one that was deleted; 403 for a device whose recording it is not. */
export const readPresent = async (
  { ledger }: Pick<HttpDeps, 'ledger'>,
  { project, caller }: { readonly project: ProjectId; readonly caller: Caller },
  id: RecordingId | undefined,
): Promise<Present> => {
  const read = id && (await ledger.read(recordingStream(project, id), recording))
  const state = read?.state
  const known = state?.kind === 'known' && state.deletedAt === null ? state : undefined
  checkOwn(caller, known)
  if (!read || !known) throw refusal('unknown-recording')
  return { ...read, state: known }
}

type Ended = Done<
  { readonly kind: 'unknown' } | KnownRecording,
  { readonly kind: string } | Refusal<Refused>
>

/** What a transaction left of the recording; throws what it was refused with. */
export const presentOf = (done: Ended): Present & { readonly isReplayed: boolean } => {
  if (done.kind === 'idempotency-mismatch') throw refusal(done.kind)
  if (done.kind === 'done' && done.outcome.kind === 'refused' && 'because' in done.outcome)
    throw refusal(done.outcome.because)
  const { state, revision, position } = done
  if (state.kind === 'unknown' || state.deletedAt !== null) throw refusal('unknown-recording')
  return { state, revision, position, isReplayed: done.kind === 'replayed' }
}

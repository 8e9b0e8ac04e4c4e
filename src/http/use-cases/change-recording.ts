import type { RecordingEvent } from '../../../protocol/events/lifecycle.ts'
import { parseId } from '../../../protocol/ids.ts'
import { attemptsMax } from '../../../protocol/limits.ts'
import type { AssignBody, UpdateRecordingBody } from '../../../protocol/recording-requests.ts'
import { endUser } from '../../domain/end-user.ts'
import {
  assign,
  remove,
  type UpdateOutcome,
  update,
} from '../../domain/recording/owner-decisions.ts'
import { type KnownRecording, type Recording, recording } from '../../domain/recording/state.ts'
import { Contended } from '../../store/ledger.ts'
import { seal } from '../../store/seal.ts'
import { endUserStream, recordingStream } from '../../store/streams.ts'
import type { Command } from '../commands.ts'
import type { HttpDeps } from '../ports.ts'
import { notFound } from '../problems.ts'
import { openWritten } from '../recording-views.ts'
import { refusal } from '../refusals.ts'
import { changedMembers } from './changed-members.ts'
import { onlyIfMatch, onlyOn } from './if-match.ts'
import { type Present, presentOf } from './recordings.ts'

type Deps = Pick<HttpDeps, 'ledger' | 'vault' | 'random'>
type Members = Readonly<Record<string, unknown>>

/** What is written down of a change: the change alone, or all of it where it goes under another key than before. */
const boxed = async (
  { vault, random }: Deps,
  { project, state }: { project: Command<unknown>['by']['project']; state: KnownRecording },
  { before, change }: { readonly before: Members; readonly change: Members },
) => {
  const { recordingId, endUserId, written } = state
  const last = written.at(-1)
  const isSameReader = last !== undefined && last.sealedFor === endUserId
  const key = await vault.keyFor(project, endUserId ?? recordingId)
  const sealed = seal(isSameReader ? change : { ...before, ...change }, key, random)
  return { sealed, ...(endUserId !== null && { sealedFor: endUserId }) }
}

const tryUpdate = async (
  deps: Deps,
  { state, revision, position }: Present,
  { by: { idem: _, ...by }, body }: Command<UpdateRecordingBody>,
): Promise<Present | undefined> => {
  const before = await openWritten(deps, state.recordingId, state.written)
  const change = changedMembers(before, body)
  if (Object.keys(change).length === 0) return { state, revision, position }
  const args = await boxed(deps, { project: by.project, state }, { before, change })
  const stream = recordingStream(by.project, state.recordingId)
  const decide = () => onlyOn<Recording, UpdateOutcome, RecordingEvent>(state, update(args))
  const done = await deps.ledger.transact(stream, recording, decide, by)
  const isChanged =
    done.kind === 'done' && done.outcome.kind === 'refused' && done.outcome.because === 'changed'
  return isChanged ? undefined : presentOf(done)
}

/** Changes what was sent; `null` takes a name away. `read` reads the recording, or throws. Throws 412 on another revision than asked for. */
export const updateRecording =
  (deps: Deps) =>
  async (read: () => Promise<Present>, command: Command<UpdateRecordingBody>): Promise<Present> => {
    for (let attempt = 1; attempt <= attemptsMax; attempt += 1) {
      const present = await read()
      if (command.ifMatch && !command.ifMatch.includes(present.revision)) throw refusal('changed')
      const updated = await tryUpdate(deps, present, command)
      if (updated) return updated
    }
    throw new Contended(`a recording was changed by others ${attemptsMax} times`)
  }

/** Says whose a recording in quarantine is. */
export const assignRecording =
  (deps: Deps) =>
  async ({ state }: Present, { by, body, ifMatch }: Command<AssignBody>) => {
    const endUserId = parseId('eu_', body.end_user_id)
    const person =
      endUserId && (await deps.ledger.read(endUserStream(by.project, endUserId), endUser))
    if (!endUserId || person?.state.status !== 'active') throw notFound('end_user_id')
    const place = {
      stream: recordingStream(by.project, state.recordingId),
      aggregate: recording,
      ifMatch,
    }
    const decide = await onlyIfMatch(deps.ledger, place, () => assign({ endUserId }))
    return presentOf(await deps.ledger.transact(place.stream, recording, decide, by))
  }

/** Ends a recording for good. The position of the event. */
export const deleteRecording =
  (deps: Deps) =>
  async ({ state }: Present, { by, ifMatch }: Pick<Command<unknown>, 'by' | 'ifMatch'>) => {
    const place = {
      stream: recordingStream(by.project, state.recordingId),
      aggregate: recording,
      ifMatch,
    }
    const decide = await onlyIfMatch(deps.ledger, place, remove)
    const done = await deps.ledger.transact(place.stream, recording, decide, by)
    if (done.kind !== 'done') throw new Error('a DELETE was met under an Idempotency-Key')
    if (done.outcome.kind === 'refused') throw refusal(done.outcome.because)
    return done.position
  }

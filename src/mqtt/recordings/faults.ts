import type { Fault } from '../uplink.ts'
import type { Decided, Outcome } from './decide.ts'
import type { RecordingMessage } from './messages.ts'

const named = (indices: readonly number[]): string =>
  `${indices.length === 1 ? 'Chunk' : 'Chunks'} ${indices.join(', ')}`

const faultIn = (outcome: Outcome): Omit<Fault, 'kind'> | undefined => {
  if (outcome.kind === 'announced') {
    const { conflicting, closed } = outcome
    if (conflicting.length > 0)
      return {
        code: 'chunk_conflict',
        message: `${named(conflicting)}: announced with another content before.`,
        field: 'chunks',
      }
    return closed.length === 0
      ? undefined
      : { code: 'recording_closed', message: `${named(closed)}: too late.`, field: 'chunks' }
  }
  if (outcome.kind !== 'refused') return undefined
  switch (outcome.because) {
    case 'unknown-recording':
    case 'other-device':
      return { code: 'recording_not_found' }
    case 'closed':
      return { code: 'recording_closed' }
    case 'fewer-than-announced':
      return {
        code: 'validation_failed',
        message: 'Fewer chunks than were announced.',
        field: 'total_chunks',
      }
  }
}

/** What the device is told to be wrong; what was right in the same message counts all the same. */
export const faultOf = (
  { outcome }: Decided,
  { boot, seq }: RecordingMessage,
): Fault | undefined => {
  const fault = faultIn(outcome)
  const numbers = { ...(boot !== undefined && { boot }), ...(seq !== undefined && { seq }) }
  return fault && { kind: 'fault', ...fault, ...numbers }
}

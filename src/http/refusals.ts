import { notFound, Problem } from './problems.ts'

/** Every word that a use-case refuses with, and what HTTP calls it. */
const problems = {
  'unknown-device': () => notFound(),
  'unknown-end-user': () => notFound('end_user_id'),
  'unknown-key': () => notFound(),
  'unknown-recording': () => notFound(),
  deleted: () => notFound(),
  'other-device': () => new Problem('forbidden'),
  closed: () => new Problem('invalid_state', { message: 'The recording takes nothing more.' }),
  'not-pending': () =>
    new Problem('invalid_state', { message: 'The recording takes no file of its own any more.' }),
  'too-many': () => new Problem('invalid_state', { message: 'The recording has too many files.' }),
  'not-streaming': () =>
    new Problem('invalid_state', { message: 'The recording does not come in chunks.' }),
  'not-uploaded': () => new Problem('invalid_state', { message: 'Nothing of it is uploaded yet.' }),
  'another-content': () =>
    new Problem('invalid_state', {
      message: 'What was uploaded is not what was announced: ask for another URL.',
    }),
  'chunk-conflict': () =>
    new Problem('invalid_state', {
      message: 'The chunk was announced with another content.',
      param: 'chunk',
    }),
  'not-quarantined': () =>
    new Problem('invalid_state', { message: 'The recording is not in quarantine.' }),
  'not-stitched': () =>
    new Problem('invalid_state', { message: 'The recording is not one object of its chunks.' }),
  'fewer-than-announced': () => new Problem('chunk_count_mismatch', { param: 'total_chunks' }),
  'external-id-taken': () => new Problem('resource_already_exists', { param: 'external_id' }),
  'already-bound': () => new Problem('device_already_bound'),
  'idempotency-mismatch': () => new Problem('idempotency_mismatch', { param: 'Idempotency-Key' }),
  retired: () => new Problem('invalid_state', { message: 'The device is retired.' }),
  revoked: () => new Problem('invalid_state', { message: 'The key is revoked.' }),
  changed: () => new Problem('precondition_failed'),
  // The token ended between its check and the decision.
  'not-live': () =>
    new Problem('unauthorized', {
      headers: { 'WWW-Authenticate': 'Bearer realm="lapel", error="invalid_token"' },
    }),
} as const satisfies Record<string, () => Problem>

export type Refused = keyof typeof problems

export const refusal = (because: Refused): Problem => problems[because]()

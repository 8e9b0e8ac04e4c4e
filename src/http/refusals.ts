import { notFound, Problem } from './problems.ts'

/** Every word that a use-case refuses with, and what HTTP calls it. */
const problems = {
  'unknown-device': () => notFound(),
  'unknown-end-user': () => notFound('end_user_id'),
  'unknown-key': () => notFound(),
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

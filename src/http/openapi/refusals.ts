import { type HttpErrorCode, httpErrors } from '../../../protocol/errors.ts'
import type { Route } from '../call.ts'
import { type ResponseHeader, rateHeaders } from './headers.ts'

const ofAccess = ({ access }: Route): readonly HttpErrorCode[] => {
  if (access === 'anyone' || access === 'operator') return []
  // `Lapel-Project` may name nothing; and while nobody can tell who calls, it is 503.
  const always = ['unauthorized', 'forbidden', 'not_found', 'unavailable'] as const
  // A parameter of the query may be unknown.
  if (access === 'admin') return [...always, 'validation_failed']
  if (access === 'object-store') return ['unauthorized']
  if (access === 'upload') return ['unauthorized', 'unavailable', 'validation_failed']
  const scope = access.device === 'only' ? [] : (['insufficient_scope'] as const)
  return [...always, ...scope, 'validation_failed', 'rate_limit_exceeded']
}

const ofBody = ({ operation }: Route): readonly HttpErrorCode[] =>
  operation.body ? ['payload_too_large', 'unsupported_media_type', 'validation_failed'] : []

const ofHeader = {
  'Idempotency-Key': ['validation_failed', 'idempotency_mismatch'],
  'If-Match': ['validation_failed', 'precondition_failed'],
  'If-None-Match': [],
  'Min-Position': ['validation_failed', 'projection_behind'],
  'Lapel-Project': ['validation_failed', 'not_found'],
} as const satisfies Record<string, readonly HttpErrorCode[]>

/** Every code that a route may be refused with, by status: what follows from what it is, and its own. */
export const refusalsOf = (route: Route): ReadonlyMap<number, readonly HttpErrorCode[]> => {
  const { params, query, headers = [], refusals = [] } = route.operation
  const codes = new Set<HttpErrorCode>([
    ...ofAccess(route),
    ...ofBody(route),
    ...headers.flatMap((name): readonly HttpErrorCode[] => ofHeader[name]),
    ...(params ? (['not_found'] as const) : []),
    ...(query ? (['validation_failed'] as const) : []),
    ...refusals,
    // What is no HTTP, or comes too slowly, is refused before any route meets it.
    'invalid_request',
    'internal_error',
  ])
  const byStatus = new Map<number, HttpErrorCode[]>()
  for (const code of codes) {
    const { status } = httpErrors[code]
    byStatus.set(status, [...(byStatus.get(status) ?? []), code].sort())
  }
  return new Map([...byStatus].sort(([a], [b]) => a - b))
}

/** What an error of that status carries beside its body. */
export const headersOfRefusal = (route: Route, status: number): readonly ResponseHeader[] => {
  const isScoped = typeof route.access === 'object'
  if (status === 401) return ['WWW-Authenticate']
  if (status === 403 && isScoped) return ['WWW-Authenticate', ...rateHeaders]
  if (status === 429) return [...rateHeaders, 'Retry-After']
  if (status === 503) return [...(isScoped ? rateHeaders : []), 'Retry-After', 'Position']
  return isScoped ? rateHeaders : []
}

import { type HttpErrorCode, httpErrors } from '../../protocol/errors.ts'
import type { RequestId } from '../../protocol/ids.ts'
import { retryAfterSeconds } from '../../protocol/limits.ts'
import type { Fault } from '../../protocol/requests.ts'
import { StoreUnavailable } from '../store/event-store.ts'
import { CommitFailed } from '../store/group-commit.ts'
import { Contended } from '../store/ledger.ts'
import { ObjectStoreUnavailable } from '../store/object-store.ts'
import { SubjectErased, VaultUnavailable } from '../store/vault.ts'
import { jsonType } from './call.ts'
import { isDatabaseDown } from './database-down.ts'

type Particulars = {
  readonly message?: string
  /** The parameter that the refusal is about. */
  readonly param?: string | undefined
  readonly details?: readonly Fault[]
  readonly headers?: Readonly<Record<string, string>>
  readonly cause?: unknown
}

/** A refusal on its way to the boundary: a code of the closed list and what is known beside it. */
export class Problem extends Error {
  override readonly name = 'Problem'
  readonly code: HttpErrorCode
  readonly param: string | undefined
  readonly details: readonly Fault[] | undefined
  readonly headers: Readonly<Record<string, string>>

  constructor(code: HttpErrorCode, particulars: Particulars = {}) {
    const { message = httpErrors[code].message, param, details, headers = {}, cause } = particulars
    super(message, { cause })
    this.code = code
    this.param = param
    this.details = details
    this.headers = headers
  }

  get status(): number {
    return httpErrors[this.code].status
  }
}

/** The same bytes for what is not there, is another's, or could not be an id at all. */
export const notFound = (param?: string): Problem => new Problem('not_found', { param })

/** 422: every fault is listed, the first one is `param`. */
export const invalid = (details: readonly Fault[]): Problem =>
  new Problem('validation_failed', { details, param: details[0]?.field })

export const invalidValue = (field: string, reason: string): Problem => invalid([{ field, reason }])

export const unavailable = (cause?: unknown): Problem =>
  new Problem('unavailable', { headers: { 'Retry-After': `${retryAfterSeconds}` }, cause })

const isUnavailable = (error: unknown): boolean =>
  error instanceof StoreUnavailable ||
  error instanceof VaultUnavailable ||
  error instanceof ObjectStoreUnavailable ||
  error instanceof Contended ||
  error instanceof CommitFailed ||
  isDatabaseDown(error)

/** What the caller is told of an error. What nobody foresaw becomes `internal_error` and nothing of it goes out. */
export const problemOf = (error: unknown): Problem => {
  if (error instanceof Problem) return error
  if (error instanceof SubjectErased) return notFound()
  if (isUnavailable(error)) return unavailable(error)
  return new Problem('internal_error', { cause: error })
}

const asksForProblemJson = (accept: string | undefined): boolean =>
  (accept ?? '')
    .split(',')
    .some((range) =>
      /^\s*application\/problem\+json\s*(;(?!\s*q=0(\.0*)?\s*(;|$)).*)?$/i.test(range),
    )

/** The body of an error (HTTP contract, decision 2): our envelope, or problem details (RFC 9457) for who accepts them. */
export const errorBody = (
  problem: Problem,
  requestId: RequestId,
  accept: string | undefined,
): { readonly type: string; readonly text: string } => {
  const { code, message, param, details, status } = problem
  const members = { code, message, param, details, request_id: requestId }
  if (!asksForProblemJson(accept))
    return { type: jsonType, text: JSON.stringify({ error: members }) }
  const about = { type: `urn:lapel:error:${code}`, title: httpErrors[code].message, status }
  const text = JSON.stringify({ ...about, detail: message, ...members })
  return { type: 'application/problem+json; charset=utf-8', text }
}

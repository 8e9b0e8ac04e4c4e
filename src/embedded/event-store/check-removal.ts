import type { Expected } from './check-append.ts'
import type { Head } from './heads.ts'

const isExpected = (head: Head, expected: Expected): boolean => {
  if (expected === 'any') return true
  if (expected === 'stream_exists') return head.last >= 0 || head.hasMetadata
  const revision = expected === 'no_stream' ? -1 : expected
  return head.last === revision || (revision === -1 && head.truncation.deleted)
}

/** Why a stream cannot be deleted, if so. */
export const checkRemoval = (
  head: Head,
  expected: Expected,
  exists: boolean,
):
  | { readonly kind: 'deleted' }
  | { readonly kind: 'wrong-version'; readonly last: number }
  | undefined => {
  const isGone = expected === 'stream_exists' && head.truncation.deleted
  if (head.tombstoned || isGone) return { kind: 'deleted' }
  const isRight = exists && isExpected(head, expected)
  return isRight ? undefined : { kind: 'wrong-version', last: head.last }
}

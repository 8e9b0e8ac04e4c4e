/** What the metadata of a stream says about which of its events are to be seen. */
export type Truncation = {
  readonly maxCount: number | undefined
  readonly maxAgeSeconds: number | undefined
  /** Events below this revision are hidden. */
  readonly truncateBefore: number
  /** `$tb` of a soft delete: 2^63 − 1. */
  readonly deleted: boolean
  /** Everything in it, for what a revival keeps. */
  readonly members: Readonly<Record<string, unknown>>
}

export const noTruncation: Truncation = {
  maxCount: undefined,
  maxAgeSeconds: undefined,
  truncateBefore: 0,
  deleted: false,
  members: {},
}

/** `$tb` of a soft delete, which is past what JSON.parse can hold: it is met as text. */
export const deletedJson = '{"$tb":9223372036854775807}'
const deletedMark = /"\$tb"\s*:\s*9223372036854775807\s*[,}]/
const maxInt32 = 2_147_483_647

const positive = (value: unknown): number | undefined =>
  Number.isSafeInteger(value) && Number(value) > 0 ? Number(value) : undefined

/** Nothing is refused: what is of a wrong kind has no effect. Not JSON at all: `undefined`. */
export const parseTruncation = (data: Uint8Array): Truncation | undefined => {
  const text = Buffer.from(data).toString('utf8')
  try {
    const value: unknown = JSON.parse(text)
    if (typeof value !== 'object' || value === null || Array.isArray(value)) return noTruncation
    const members = value as Record<string, unknown>
    const maxCount = positive(members['$maxCount'])
    return {
      maxCount: maxCount !== undefined && maxCount <= maxInt32 * 2 ** 21 ? maxCount : undefined,
      maxAgeSeconds: positive(members['$maxAge']),
      truncateBefore: positive(members['$tb']) ?? 0,
      deleted: deletedMark.test(text),
      members,
    }
  } catch {
    return undefined
  }
}

/** What an event of a metastream says; one that is not JSON says nothing. */
export const truncationOf = (data: Uint8Array, contentType: string): Truncation =>
  (contentType === 'application/json' ? parseTruncation(data) : undefined) ?? noTruncation

/** The metadata that a revived stream gets: what it had, with `$tb` at its first new revision. */
export const revivedJson = (members: Truncation['members'], truncateBefore: number): string =>
  JSON.stringify({ ...members, $tb: truncateBefore })

/** The first revision that may be seen, but for `$maxAge`. */
export const firstVisible = (truncation: Truncation, last: number): number =>
  Math.max(
    truncation.truncateBefore,
    truncation.maxCount === undefined ? 0 : last + 1 - truncation.maxCount,
  )

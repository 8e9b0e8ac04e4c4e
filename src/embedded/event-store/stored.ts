/** An event as it stands in the database. */
export type StoredRow = {
  /** Running sum of record sizes: rising, not dense, so that nobody builds on `position + 1`. */
  readonly position: number
  readonly stream: string
  readonly revision: bigint
  /** UUID in lower case with hyphens. */
  readonly id: string
  readonly type: string
  readonly contentType: string
  /** .NET ticks since the Unix epoch (100 ns). */
  readonly ticks: bigint
  readonly data: Uint8Array
  readonly metadata: Uint8Array
}

/** An event on its way in. */
export type Proposed = {
  readonly id: string
  readonly type: string
  readonly contentType: string
  readonly data: Uint8Array
  readonly metadata: Uint8Array
}

/** The revision of the event that closes a tombstoned stream for ever. */
export const tombstoneRevision = 9_223_372_036_854_775_807n
/** How that revision is stored, so that every other one stays a safe integer. */
export const storedTombstone = -2

export const metadataType = '$metadata'
export const deletedType = '$streamDeleted'
export const linkType = '$>'

export const isMetastream = (name: string): boolean => name.startsWith('$$')
export const metastreamOf = (name: string): string => `$$${name}`

const ticksPerMs = 10_000n
export const ticksOf = (ms: number): bigint => BigInt(ms) * ticksPerMs

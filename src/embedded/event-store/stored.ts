/** Positions grow by what a record takes: its contents, and so much for its fixed columns. */
export const recordOverheadBytes = 64

/** An event as it stands in the database. */
export type StoredRow = {
  /** Running sum of record sizes: rising, not dense, so that nobody builds on `position + 1`. */
  readonly position: number
  readonly stream: string
  /** From 0 on; `storedTombstone` for the event that closes a stream for ever. */
  readonly revision: number
  /** UUID in lower case with hyphens. */
  readonly id: string
  readonly type: string
  readonly contentType: string
  /** Unix milliseconds. */
  readonly createdMs: number
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

/** An event that the store writes of itself. */
export const ownEvent = (id: string, type: string, json: string): Proposed => ({
  id,
  type,
  contentType: 'application/json',
  data: Buffer.from(json),
  metadata: Buffer.alloc(0),
})

/** How the revision of a tombstone, 2^63 − 1, is stored: so every other one stays a safe integer. */
export const storedTombstone = -2

export const metadataType = '$metadata'
export const deletedType = '$streamDeleted'
export const linkType = '$>'

export const isMetastream = (name: string): boolean => name.startsWith('$$')
export const metastreamOf = (name: string): string => `$$${name}`

/** UUID without hyphens, in lower case. */
export const plainId = (id: string): string => id.replaceAll('-', '').toLowerCase()

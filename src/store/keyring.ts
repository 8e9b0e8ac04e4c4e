import type { KeyObject } from 'node:crypto'

export type SigningPair = {
  readonly privateKey: KeyObject
  /** The 32 raw bytes (RFC 8032). */
  readonly publicKey: Buffer
}

/** The secrets file, parsed. Maps are oldest first: the newest entry is used for new work, all for reading. */
export type Secrets = {
  /** Keys of the HMACs that stand for tokens. */
  readonly pepper: ReadonlyMap<string, Buffer>
  readonly signing: ReadonlyMap<string, SigningPair>
  /** Key-encryption keys of the vault. */
  readonly kek: ReadonlyMap<string, Buffer>
  /** Never changes: claims, idempotency and derived ids rest on it. */
  readonly projectHmac: Buffer
  /** Authenticates the cursors of lists. */
  readonly cursor: Buffer
}

/** The entry of a map that new work uses. */
export const newestOf = <Value>(map: ReadonlyMap<string, Value>): readonly [string, Value] => {
  const newest = [...map].at(-1)
  if (!newest) throw new Error('the secrets file holds an empty map')
  return newest
}

import { createHash } from 'node:crypto'
import { NoSuchObject, type ObjectStore } from './object-store.ts'

export type Expected = { readonly bytes: number; readonly sha256: string }

/** What stands under a key, against what should. */
export type Found =
  | { readonly kind: 'absent' | 'good' }
  | { readonly kind: 'wrong'; readonly reason: 'length_mismatch' | 'checksum_mismatch' }

export const good: Found = { kind: 'good' }
export const absent: Found = { kind: 'absent' }

/** Of an object's bytes, 64 hex digits, in constant memory; `undefined` for no object. Throws `ObjectStoreUnavailable`. */
export const hashOfObject = async (
  objects: Pick<ObjectStore, 'read'>,
  key: string,
): Promise<string | undefined> => {
  const hash = createHash('sha256')
  try {
    for await (const piece of await objects.read(key)) hash.update(piece)
  } catch (error) {
    if (error instanceof NoSuchObject) return undefined
    throw error
  }
  return hash.digest('hex')
}

/** Looks at an object: its length, and the hash that the store has of it, else that of its bytes. Throws `ObjectStoreUnavailable`. */
export const checkObject = async (
  objects: Pick<ObjectStore, 'head' | 'read'>,
  key: string,
  expected: Expected,
): Promise<Found> => {
  const head = await objects.head(key)
  if (!head) return absent
  if (head.bytes !== expected.bytes) return { kind: 'wrong', reason: 'length_mismatch' }
  const sha256 = head.sha256 ?? (await hashOfObject(objects, key))
  if (sha256 === undefined) return absent
  return sha256 === expected.sha256 ? good : { kind: 'wrong', reason: 'checksum_mismatch' }
}

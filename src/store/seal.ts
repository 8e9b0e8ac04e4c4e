import nacl from 'tweetnacl'
import type { Random } from '../../protocol/base62.ts'
import { jcs } from '../../protocol/jcs.ts'

/** base64( nonce24 ‖ secretbox(JCS(object), nonce, key) ) under the key of the subject that the object is about. */
export const seal = (object: object, key: Uint8Array, random: Random): string => {
  const nonce = Uint8Array.from(random(nacl.secretbox.nonceLength))
  const box = nacl.secretbox(Buffer.from(jcs(object)), nonce, key)
  return Buffer.concat([nonce, box]).toString('base64')
}

/** What was sealed, or `undefined` when the key does not open it. */
export const open = (sealed: string, key: Uint8Array): Record<string, unknown> | undefined => {
  const bytes = new Uint8Array(Buffer.from(sealed, 'base64'))
  const nonce = bytes.subarray(0, nacl.secretbox.nonceLength)
  if (nonce.length < nacl.secretbox.nonceLength) return undefined
  const plain = nacl.secretbox.open(bytes.subarray(nonce.length), nonce, key)
  if (!plain) return undefined
  const value: unknown = JSON.parse(Buffer.from(plain).toString('utf8'))
  return typeof value === 'object' && value !== null ? { ...value } : undefined
}

/** Sealed objects laid over each other, oldest first: what people wrote about a subject. What cannot be opened is left out. */
export const openAll = (sealed: readonly string[], key: Uint8Array): Record<string, unknown> =>
  Object.assign({}, ...sealed.map((box) => open(box, key) ?? {}))

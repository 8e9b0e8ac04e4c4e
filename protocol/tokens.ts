import { timingSafeEqual } from 'node:crypto'
import { crc32 } from 'node:zlib'
import { encodeBase62, type Random, randomBase62 } from './base62.ts'
import { hmacSha256 } from './hmac.ts'

/** `<prefix>_<id:12><secret:32><crc:6>`, base62: the id may be logged, the secret never, the checksum refuses garbage. */
export const tokenPrefixes = ['dtok', 'sk_live', 'sk_test', 'rk_live', 'rk_test'] as const
export type TokenPrefix = (typeof tokenPrefixes)[number]

/** A bearer secret in clear. It leaves Lapel once, in the reply that made it, and is kept nowhere. */
export type Token = {
  readonly prefix: TokenPrefix
  /** The 12 public characters. */
  readonly id: string
  /** The whole text. */
  readonly text: string
}

const form =
  /^(dtok|sk_live|sk_test|rk_live|rk_test)_([0-9A-Za-z]{12})[0-9A-Za-z]{32}([0-9A-Za-z]{6})$/
const checksumChars = 6

const checksum = (text: string): string => {
  const bytes = Buffer.alloc(4)
  bytes.writeUInt32BE(crc32(text))
  return encodeBase62(bytes, checksumChars)
}

export const mintToken = (prefix: TokenPrefix, random: Random, id?: string): Token => {
  const publicPart = id ?? randomBase62(12, random)
  const body = `${prefix}_${publicPart}${randomBase62(32, random)}`
  return { prefix, id: publicPart, text: body + checksum(body) }
}

/** The token that the text is, or `undefined`: another form, or a checksum that does not fit. No look-up is needed to refuse it. */
export const parseToken = (text: string): Token | undefined => {
  const [, prefix, id, crc] = form.exec(text) ?? []
  if (prefix === undefined || id === undefined) return undefined
  if (checksum(text.slice(0, -checksumChars)) !== crc) return undefined
  return { prefix: prefix as TokenPrefix, id, text }
}

/** What is stored of a token: HMAC-SHA-256 of its whole text without the checksum, under a pepper, base64url. */
export const tokenHmac = (token: Token, pepper: Uint8Array): string =>
  hmacSha256(pepper).update(token.text.slice(0, -checksumChars)).digest('base64url')

/** In time that does not depend on where they differ. */
export const sameHmac = (a: string, b: string): boolean => {
  const [left, right] = [Buffer.from(a), Buffer.from(b)]
  return left.length === right.length && timingSafeEqual(left, right)
}

/** How an operator recognises a key afterwards: its prefix and its last four characters. */
export const hintOf = (token: Token): string => `${token.prefix}_…${token.text.slice(-4)}`

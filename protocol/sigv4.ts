import { createHmac, createSecretKey, hash, type KeyObject } from 'node:crypto'

/**
 * AWS Signature Version 4 as S3 takes it: what a signer and a verifier must agree on. In S3 the path is
 * encoded once, and the payload's hash may be the word `UNSIGNED-PAYLOAD`.
 */

export const sigV4Algorithm = 'AWS4-HMAC-SHA256'
export const unsignedPayload = 'UNSIGNED-PAYLOAD'

export type SigningScope = {
  /** `yyyymmdd` */
  readonly date: string
  readonly region: string
}

export type CanonicalRequest = {
  readonly method: string
  /** Percent-encoded by `encodePath`. */
  readonly path: string
  /** Decoded names and values in any order, without `X-Amz-Signature`. */
  readonly query: readonly (readonly [string, string])[]
  /** Those that are signed; lower-case names. */
  readonly headers: readonly (readonly [string, string])[]
  /** 64 hex digits, or the word that stands in their place. */
  readonly payload: string
}

const percent = (char: string) => `%${char.charCodeAt(0).toString(16).toUpperCase()}`

/** Percent-encoded but for the unreserved characters of RFC 3986. Throws on a lone surrogate. */
export const encodePart = (text: string): string =>
  encodeURIComponent(text).replace(/[!'()*]/g, percent)

/** As `encodePart`, with slashes left standing. */
export const encodePath = (path: string): string => encodePart(path).replaceAll('%2F', '/')

/** Compares as bytes do, for text that is ASCII. */
const ascending = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0)

export const canonicalQuery = (query: CanonicalRequest['query']): string =>
  query
    .map(([name, value]) => [encodePart(name), encodePart(value)] as const)
    .sort(([a, x], [b, y]) => ascending(a, b) || ascending(x, y))
    .map(([name, value]) => `${name}=${value}`)
    .join('&')

export const canonicalHeader = (name: string, value: string): string =>
  `${name}:${value.trim().replace(/ +/g, ' ')}`

export const canonicalText = (request: CanonicalRequest): string => {
  const headers = [...request.headers].sort(([a], [b]) => ascending(a, b))
  return [
    request.method,
    request.path,
    canonicalQuery(request.query),
    ...headers.map(([name, value]) => canonicalHeader(name, value)),
    '',
    headers.map(([name]) => name).join(';'),
    request.payload,
  ].join('\n')
}

export const sha256Hex = (data: string | Uint8Array): string => hash('sha256', data, 'hex')

/** `20130524T000000Z` of a moment in milliseconds. */
export const amzDate = (at: number): string =>
  new Date(at).toISOString().replace(/[-:]|\.\d{3}/g, '')

const amzDateForm = /^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z$/

/** Milliseconds since 1970, or `undefined` for what is no such date. */
export const parseAmzDate = (text: string): number | undefined => {
  if (!amzDateForm.test(text)) return undefined
  const at = Date.parse(text.replace(amzDateForm, '$1-$2-$3T$4:$5:$6Z'))
  return Number.isNaN(at) ? undefined : at
}

export const scopeText = ({ date, region }: SigningScope): string =>
  `${date}/${region}/s3/aws4_request`

const hmac = (key: Buffer | KeyObject, text: string) =>
  createHmac('sha256', key).update(text).digest()

// A key object spares a quarter of the work of an HMAC's every use.
export const signingKey = (secret: string, { date, region }: SigningScope): KeyObject =>
  createSecretKey(
    [date, region, 's3', 'aws4_request'].reduce<Buffer>(hmac, Buffer.from(`AWS4${secret}`)),
  )

/** Signing keys of one secret: one is good for a day, and making it costs four HMACs. */
export const createSigningKeys = (secret: string): ((scope: SigningScope) => KeyObject) => {
  let last: { readonly scope: string; readonly key: KeyObject } | undefined
  return (scope) => {
    const text = scopeText(scope)
    if (last?.scope !== text) last = { scope: text, key: signingKey(secret, scope) }
    return last.key
  }
}

/** The signature, 64 hex digits, of a request made at `date` (`amzDate`). */
export const signatureOf = (
  key: KeyObject,
  scope: SigningScope,
  date: string,
  request: CanonicalRequest,
): string => signatureOfText(key, scopeText(scope), date, canonicalText(request))

/** The same for one whose canonical text and scope's text are made already. */
export const signatureOfText = (
  key: KeyObject,
  scope: string,
  date: string,
  canonical: string,
): string => signText(key, `${sigV4Algorithm}\n${date}\n${scope}\n${sha256Hex(canonical)}`)

export const signText = (key: KeyObject, text: string): string =>
  createHmac('sha256', key).update(text).digest('hex')

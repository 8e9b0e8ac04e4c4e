import { instantOf } from '../../protocol/instant.ts'
import {
  amzDate,
  type CanonicalRequest,
  canonicalQuery,
  createSigningKeys,
  encodePath,
  scopeText,
  signatureOf,
  sigV4Algorithm,
  unsignedPayload,
} from '../../protocol/sigv4.ts'
import type { GetGrant, PresignedGet, PresignedPut, PutGrant } from './object-store.ts'

export type PresignSettings = {
  /** The origin under which those who get the URLs reach the store. */
  readonly publicEndpoint: string
  readonly bucket: string
  readonly region: string
  readonly accessKeyId: string
  readonly secretAccessKey: string
}

export type Presigner = {
  readonly put: (key: string, grant: PutGrant, at: number) => PresignedPut
  readonly get: (key: string, grant: GetGrant, at: number) => PresignedGet
  /** For a HEAD that is sent with `checksumMode`; its URL. */
  readonly head: (key: string, expiresSeconds: number, at: number) => string
}

/** Without it a store keeps the SHA-256 of an object to itself. */
export const checksumMode = { 'x-amz-checksum-mode': 'ENABLED' } as const

export const base64OfHex = (hex: string): string => Buffer.from(hex, 'hex').toString('base64')

type Unsigned = Pick<CanonicalRequest, 'method' | 'query' | 'headers'> & {
  readonly key: string
  readonly expiresSeconds: number
}

/**
 * Pre-signed URLs (Signature Version 4 in the query), path style, made without asking anybody: at a tenth of the CPU of the SDK's
 * presigner. `at` is milliseconds since 1970.
 */
export const createPresigner = (settings: PresignSettings): Presigner => {
  const { bucket, region, accessKeyId, secretAccessKey } = settings
  const { origin, host } = new URL(settings.publicEndpoint)
  const keyOf = createSigningKeys(secretAccessKey)

  const presign = (request: Unsigned, at: number): string => {
    const date = amzDate(at)
    const scope = { date: date.slice(0, 8), region }
    const path = encodePath(`/${bucket}/${request.key}`)
    const headers = [['host', host] as const, ...request.headers]
    const query = [
      ...request.query,
      ['X-Amz-Algorithm', sigV4Algorithm],
      ['X-Amz-Credential', `${accessKeyId}/${scopeText(scope)}`],
      ['X-Amz-Date', date],
      ['X-Amz-Expires', String(request.expiresSeconds)],
      [
        'X-Amz-SignedHeaders',
        headers
          .map(([name]) => name)
          .sort()
          .join(';'),
      ],
    ] as const
    const signature = signatureOf(keyOf(scope), scope, date, {
      method: request.method,
      path,
      query,
      headers,
      payload: unsignedPayload,
    })
    return `${origin}${path}?${canonicalQuery(query)}&X-Amz-Signature=${signature}`
  }
  // The date in a URL has whole seconds.
  const expiryOf = (at: number, seconds: number) =>
    instantOf((Math.floor(at / 1_000) + seconds) * 1_000)

  return {
    put: (key, { bytes, contentType, sha256, expiresSeconds }, at) => {
      const headers = {
        'content-type': contentType,
        'if-none-match': '*',
        ...(sha256 !== undefined && { 'x-amz-checksum-sha256': base64OfHex(sha256) }),
      }
      const length = bytes === undefined ? [] : [['content-length', String(bytes)] as const]
      const signed = [...Object.entries(headers), ...length]
      const url = presign({ method: 'PUT', key, query: [], headers: signed, expiresSeconds }, at)
      return { method: 'PUT', url, headers, expiresAt: expiryOf(at, expiresSeconds) }
    },
    get: (key, { expiresSeconds, contentType, disposition }, at) => {
      const query = [
        ...(contentType === undefined ? [] : [['response-content-type', contentType] as const]),
        ...(disposition === undefined
          ? []
          : [['response-content-disposition', disposition] as const]),
      ]
      const url = presign({ method: 'GET', key, query, headers: [], expiresSeconds }, at)
      return { url, expiresAt: expiryOf(at, expiresSeconds) }
    },
    head: (key, expiresSeconds, at) => {
      const headers = Object.entries(checksumMode)
      return presign({ method: 'HEAD', key, query: [], headers, expiresSeconds }, at)
    },
  }
}

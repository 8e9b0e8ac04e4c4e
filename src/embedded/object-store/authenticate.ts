import { type KeyObject, timingSafeEqual } from 'node:crypto'
import { clockSkewMsMax, presignedSecondsMax } from '../../../protocol/limits-embedded.ts'
import {
  encodePath,
  parseAmzDate,
  type SigningScope,
  scopeText,
  signatureOf,
  sigV4Algorithm,
  unsignedPayload,
} from '../../../protocol/sigv4.ts'
import type { Addressed } from './addressed.ts'
import { S3Fault } from './faults.ts'

export type Credentials = { readonly accessKeyId: string; readonly secretAccessKey: string }

/** What a body must be signed with, chunk by chunk, after the request itself. */
export type ChunkSigning = {
  readonly key: KeyObject
  readonly date: string
  readonly scope: string
  /** The request's own: the first link of the chain. */
  readonly signature: string
}

export type Authenticated = {
  /** `x-amz-content-sha256`: a hash, or one of the words. */
  readonly payload: string
  readonly signing: ChunkSigning
  readonly isPresigned: boolean
}

type Signature = {
  readonly credential: string
  readonly signedHeaders: string
  readonly signature: string
  readonly date: string
  readonly payload: string
}

const sameText = (a: string, b: string): boolean => {
  const [x, y] = [Buffer.from(a), Buffer.from(b)]
  return x.length === y.length && timingSafeEqual(x, y)
}

const headerForm =
  /^AWS4-HMAC-SHA256 +Credential=([^\s,]+),\s*SignedHeaders=([^\s,]+),\s*Signature=([\da-f]{64})$/

const inHeader = ({ headers }: Addressed): Signature => {
  const authorization = headers['authorization'] ?? ''
  const [, credential, signedHeaders, signature] = headerForm.exec(authorization) ?? []
  if (credential === undefined || signedHeaders === undefined || signature === undefined)
    throw authorization.startsWith(sigV4Algorithm)
      ? new S3Fault('AuthorizationHeaderMalformed')
      : new S3Fault('InvalidRequest', `Requests are signed with ${sigV4Algorithm}`)
  const payload = headers['x-amz-content-sha256']
  if (payload === undefined) throw new S3Fault('InvalidRequest', 'x-amz-content-sha256 is missing')
  return { credential, signedHeaders, signature, date: headers['x-amz-date'] ?? '', payload }
}

const inQuery = ({ headers, query }: Addressed): Signature => {
  const of = (name: string): string => {
    const value = query.get(name)
    if (value !== undefined) return value
    throw new S3Fault('AuthorizationQueryParametersError', `${name} is missing`)
  }
  if (of('X-Amz-Algorithm') !== sigV4Algorithm)
    throw new S3Fault(
      'AuthorizationQueryParametersError',
      `X-Amz-Algorithm is not ${sigV4Algorithm}`,
    )
  return {
    credential: of('X-Amz-Credential'),
    signedHeaders: of('X-Amz-SignedHeaders'),
    signature: of('X-Amz-Signature'),
    date: of('X-Amz-Date'),
    payload:
      query.get('X-Amz-Content-Sha256') ?? headers['x-amz-content-sha256'] ?? unsignedPayload,
  }
}

/** A date alone is no proof of freshness: the request's own clock must be near ours, or its URL not yet over. */
const checkTime = ({ query }: Addressed, date: string, isPresigned: boolean, now: number): void => {
  const at = parseAmzDate(date)
  if (at === undefined) throw new S3Fault('AccessDenied', 'X-Amz-Date is missing or is no date')
  if (!isPresigned) {
    if (Math.abs(now - at) > clockSkewMsMax) throw new S3Fault('RequestTimeTooSkewed')
    return
  }
  const text = query.get('X-Amz-Expires') ?? ''
  const seconds = Number(text)
  if (!/^\d{1,6}$/.test(text) || seconds < 1 || seconds > presignedSecondsMax)
    throw new S3Fault(
      'AuthorizationQueryParametersError',
      `X-Amz-Expires is not a number of seconds from 1 to ${presignedSecondsMax}`,
    )
  if (at - now > clockSkewMsMax) throw new S3Fault('AccessDenied', 'The request is not valid yet')
  if (now > at + seconds * 1_000) throw new S3Fault('AccessDenied', 'Request has expired')
}

const checkScope = (
  { credential, date }: Signature,
  region: string,
  { accessKeyId }: Credentials,
): SigningScope => {
  const parts = credential.split('/')
  const [id, day, place, service, end] = [parts.slice(0, -4).join('/'), ...parts.slice(-4)]
  if (!sameText(id, accessKeyId)) throw new S3Fault('InvalidAccessKeyId')
  if (day !== date.slice(0, 8) || place !== region || service !== 's3' || end !== 'aws4_request')
    throw new S3Fault(
      'AuthorizationHeaderMalformed',
      `The credential's scope is not ${date.slice(0, 8)}/${region}/s3/aws4_request`,
    )
  return { date: day, region: place }
}

/** Whoever could add an `x-amz-…` header to a signed request could change what it does. */
const signedHeadersOf = ({ headers }: Addressed, names: readonly string[]) => {
  if (!names.includes('host')) throw new S3Fault('AccessDenied', 'The host header is not signed')
  const loose = Object.keys(headers).find(
    (name) => name.startsWith('x-amz-') && !names.includes(name),
  )
  if (loose !== undefined) throw new S3Fault('AccessDenied', `The header ${loose} is not signed`)
  return names.map((name) => {
    const value = headers[name]
    if (value === undefined)
      throw new S3Fault('SignatureDoesNotMatch', `${name} is signed, but missing`)
    return [name, value] as const
  })
}

export type Verifier = {
  readonly credentials: Credentials
  readonly region: string
  readonly now: () => number
  /** Of those credentials. */
  readonly signingKeyOf: (scope: SigningScope) => KeyObject
}

/** Whose request it is: the one key's, or a fault. Throws `AccessDenied` for a request that is not signed at all. */
export const authenticate = (addressed: Addressed, verifier: Verifier): Authenticated => {
  const { headers, query, method, rawPath } = addressed
  const isPresigned = query.has('X-Amz-Algorithm') || query.has('X-Amz-Signature')
  if (isPresigned && headers['authorization'] !== undefined)
    throw new S3Fault('InvalidArgument', 'The request is signed twice')
  if (!isPresigned && headers['authorization'] === undefined) throw new S3Fault('AccessDenied')
  const signature = isPresigned ? inQuery(addressed) : inHeader(addressed)
  const scope = checkScope(signature, verifier.region, verifier.credentials)
  checkTime(addressed, signature.date, isPresigned, verifier.now())
  const key = verifier.signingKeyOf(scope)
  const expected = signatureOf(key, scope, signature.date, {
    method,
    path: encodePath(decodeURIComponent(rawPath)),
    query: [...query].filter(([name]) => name !== 'X-Amz-Signature'),
    headers: signedHeadersOf(addressed, signature.signedHeaders.split(';')),
    payload: signature.payload,
  })
  if (!sameText(signature.signature, expected)) throw new S3Fault('SignatureDoesNotMatch')
  return {
    payload: signature.payload,
    isPresigned,
    signing: { key, date: signature.date, scope: scopeText(scope), signature: expected },
  }
}

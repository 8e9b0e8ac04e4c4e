import type { IncomingMessage } from 'node:http'
import {
  objectStoreBytesPerSecondMin,
  objectStoreObjectBytesMax,
  objectStoreSlowStartMs,
  objectStoreXmlBytesMax,
} from '../../../protocol/limits-embedded.ts'
import { unsignedPayload } from '../../../protocol/sigv4.ts'
import type { Addressed } from './addressed.ts'
import type { Authenticated } from './authenticate.ts'
import { dechunked } from './aws-chunked.ts'
import { type Claims, claimsOf, createDigest, digested } from './checksums.ts'
import { S3Fault } from './faults.ts'

/** A body on its way in: its length, what is claimed of it, and its bytes without any framing. */
export type Incoming = {
  readonly bytes: number
  readonly claims: Claims
  readonly pieces: AsyncIterable<Buffer>
  /** Filled when the pieces have ended. */
  readonly trailers: ReadonlyMap<string, string>
}

type Source = {
  readonly request: IncomingMessage
  /** Milliseconds from any start. */
  readonly monotonic: () => number
  /** Tells a client that waits for it to send the body. */
  readonly proceed: () => void
}

/** Told of each piece as it comes in: throws where they do not come at a bearable rate. */
const watched = (monotonic: Source['monotonic']): ((bytes: number) => void) => {
  const started = monotonic()
  let seen = 0
  return (bytes) => {
    seen += bytes
    const slowMs = monotonic() - started - objectStoreSlowStartMs
    if (slowMs > 0 && seen < (slowMs / 1_000) * objectStoreBytesPerSecondMin)
      throw new S3Fault('RequestTimeout')
  }
}

/** Told of each piece of a body of so many bytes, and of its end. */
const counted = (bytes: number) => {
  let seen = 0
  return {
    take: (length: number): void => {
      seen += length
      if (seen > bytes) throw new S3Fault('InvalidRequest', 'The body is longer than was said')
    },
    end: (): void => {
      if (seen < bytes) throw new S3Fault('IncompleteBody')
    },
  }
}

/** The bytes of the wire. The connection outlives a body that is given up: its client is to hear why. */
async function* arriving({ request, monotonic, proceed }: Source, count?: Counted) {
  proceed()
  const watch = watched(monotonic)
  for await (const piece of request.iterator({ destroyOnReturn: false })) {
    watch(piece.length)
    count?.take(piece.length)
    yield piece
  }
  count?.end()
}

type Counted = ReturnType<typeof counted>

async function* exactly(pieces: AsyncIterable<Buffer>, count: Counted) {
  for await (const piece of pieces) {
    count.take(piece.length)
    yield piece
  }
  count.end()
}

const lengthIn = (text: string | undefined): number => {
  if (text === undefined || !/^\d{1,16}$/.test(text)) throw new S3Fault('MissingContentLength')
  const bytes = Number(text)
  if (bytes > objectStoreObjectBytesMax) throw new S3Fault('EntityTooLarge')
  return bytes
}

/** A pre-signed URL may carry what it demands of the body in its query: the SDK puts it there by default. */
export const demandedHeaders = (
  { headers, query }: Addressed,
  { isPresigned }: Authenticated,
): Addressed['headers'] => {
  if (!isPresigned) return headers
  const hoisted = [...query].map(([name, value]) => [name.toLowerCase(), value] as const)
  const demands = hoisted.filter(([name]) => /^(x-amz-|content-md5$)/.test(name))
  return { ...Object.fromEntries(demands), ...headers }
}

const streaming: Readonly<Record<string, { isSigned: boolean; hasTrailer: boolean }>> = {
  'STREAMING-UNSIGNED-PAYLOAD-TRAILER': { isSigned: false, hasTrailer: true },
  'STREAMING-AWS4-HMAC-SHA256-PAYLOAD': { isSigned: true, hasTrailer: false },
  'STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER': { isSigned: true, hasTrailer: true },
}

/** Throws what a body can be refused for before its first byte. */
export const incomingOf = (
  addressed: Addressed,
  authenticated: Authenticated,
  source: Source,
): Incoming => {
  const { payload, signing } = authenticated
  const headers = demandedHeaders(addressed, authenticated)
  const form = streaming[payload]
  if (!form) {
    const isHash = /^[\da-f]{64}$/.test(payload)
    if (!isHash && payload !== unsignedPayload)
      throw payload.startsWith('STREAMING-')
        ? new S3Fault('NotImplemented', `${payload} is not taken here`)
        : new S3Fault('InvalidRequest', 'x-amz-content-sha256 is not valid')
    const claims = claimsOf(headers, isHash ? payload : undefined)
    if (claims.trailing) throw new S3Fault('InvalidRequest', 'A trailer needs a chunked body')
    const bytes = lengthIn(addressed.headers['content-length'])
    return { bytes, claims, pieces: arriving(source, counted(bytes)), trailers: new Map() }
  }
  const bytes = lengthIn(headers['x-amz-decoded-content-length'])
  const claims = claimsOf(headers, undefined)
  const trailers = new Map<string, string>()
  const decoded = dechunked(arriving(source), {
    hasTrailer: form.hasTrailer,
    ...(form.isSigned && { signing }),
    onTrailers: (found) => {
      for (const [name, value] of found) trailers.set(name, value)
    },
  })
  return { bytes, claims, pieces: exactly(decoded, counted(bytes)), trailers }
}

/** A small body as text, verified. */
export const textOf = async ({ bytes, claims, pieces, trailers }: Incoming): Promise<string> => {
  if (bytes > objectStoreXmlBytesMax) throw new S3Fault('EntityTooLarge')
  const digest = createDigest(claims)
  const parts: Buffer[] = []
  for await (const piece of digested(pieces, digest)) parts.push(piece)
  digest.finish(trailers)
  return Buffer.concat(parts).toString()
}

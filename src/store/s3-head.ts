import type { Readable } from 'node:stream'
import { setTimeout as delay } from 'node:timers/promises'
import type { S3Client } from '@aws-sdk/client-s3'
import { objectStoreMsMax } from '../../protocol/limits.ts'
import { objectStoreHeadsMax } from '../../protocol/limits-recordings.ts'
import type { ObjectHead } from './object-store.ts'
import { checksumMode, createPresigner, type PresignSettings } from './presign.ts'
import { called } from './s3-calls.ts'

/** A checksum of the parts' checksums (`…-3`) says nothing of the whole. */
const wholeSha256 = (base64: string | undefined): string | undefined =>
  base64 === undefined || base64.includes('-')
    ? undefined
    : Buffer.from(base64, 'base64').toString('hex')

type Headers = Readonly<Record<string, string | undefined>>

const headOf = (headers: Headers): ObjectHead => {
  const sha256 = wholeSha256(headers['x-amz-checksum-sha256'])
  const contentType = headers['content-type']
  return {
    bytes: Number(headers['content-length'] ?? 0),
    etag: headers['etag'] ?? '',
    ...(sha256 !== undefined && { sha256 }),
    ...(contentType !== undefined && { contentType }),
  }
}

const retryMs = 50
const urlSeconds = 300

const again = async <Result>(work: () => Promise<Result>, signal: AbortSignal): Promise<Result> => {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await work()
    } catch (error) {
      if (signal.aborted || attempt >= objectStoreHeadsMax) throw error
      await delay(retryMs * attempt, undefined, { signal })
    }
  }
}

/** The transport of the SDK's client: its connections, their limits, their time. */
type Transport = Pick<S3Client['config']['requestHandler'], 'handle'>

type HeadSettings = Omit<PresignSettings, 'publicEndpoint'> & {
  readonly endpoint: string
  /** Milliseconds since 1970. */
  readonly now: () => number
}

/**
 * HEAD as the SDK would send it, signed here: a fraction of the CPU of its command, and there is one for each chunk. `undefined`: there is
 * no such object. Throws `ObjectStoreUnavailable`.
 */
export const headBy = (transport: Transport, settings: HeadSettings) => {
  const { endpoint, now } = settings
  const { protocol, hostname, port, origin, host } = new URL(endpoint)
  const presigner = createPresigner({ ...settings, publicEndpoint: endpoint })
  const place = { protocol, hostname, query: {}, ...(port !== '' && { port: Number(port) }) }

  const once = async (key: string, abortSignal: AbortSignal): Promise<ObjectHead | undefined> => {
    const path = presigner.head(key, urlSeconds, now()).slice(origin.length)
    const request = { ...place, method: 'HEAD', path, headers: { host, ...checksumMode } }
    const { response } = await transport.handle(request, { abortSignal })
    const { statusCode, headers, body } = response
    // Its connection is free for the next when the answer was read.
    const answer: Readable = body
    answer.resume()
    if (statusCode === 200) return headOf(headers)
    if (statusCode === 404) return undefined
    throw new Error(`the object store answers ${statusCode}`)
  }

  return (key: string): Promise<ObjectHead | undefined> =>
    called({ what: `head of ${key}`, msMax: objectStoreMsMax }, ({ abortSignal }) =>
      again(() => once(key, abortSignal), abortSignal),
    )
}

import type { IncomingMessage } from 'node:http'
import { bodyBytesMax, discardedBodyBytesMax } from '../../protocol/limits.ts'
import { parseStrictJson } from '../../protocol/strict-json.ts'
import { Problem } from './problems.ts'

const jsonType = /^application\/json\s*(;\s*charset="?utf-8"?\s*)?$/i

const hasBody = ({ headers }: IncomingMessage): boolean =>
  headers['transfer-encoding'] !== undefined || Number(headers['content-length'] ?? 0) > 0

const checkType = ({ headers }: IncomingMessage): void => {
  const { 'content-encoding': encoding = 'identity', 'content-type': type = '' } = headers
  if (encoding !== 'identity' || !jsonType.test(type)) throw new Problem('unsupported_media_type')
}

/** What still comes of a refused body is thrown away, so that the caller reads the answer; past the limit the socket is closed. */
const discardRest = (req: IncomingMessage): void => {
  let bytes = 0
  req.on('data', (chunk: Buffer) => {
    bytes += chunk.length
    if (bytes > discardedBodyBytesMax) req.destroy()
  })
}

const tooLarge = (req: IncomingMessage): Problem => {
  discardRest(req)
  return new Problem('payload_too_large', { message: `The body exceeds ${bodyBytesMax} bytes.` })
}

const readBytes = (req: IncomingMessage): Promise<Buffer> =>
  new Promise((resolve, reject) => {
    const chunks: Buffer[] = []
    let bytes = 0
    const settle = (end: () => void): void => {
      req.off('data', take).off('end', finish).off('close', lost)
      end()
    }
    const take = (chunk: Buffer): void => {
      bytes += chunk.length
      if (bytes > bodyBytesMax) settle(() => reject(tooLarge(req)))
      else chunks.push(chunk)
    }
    const finish = (): void => settle(() => resolve(Buffer.concat(chunks)))
    const lost = (): void =>
      settle(() => reject(new Problem('invalid_request', { message: 'The body ended early.' })))
    req.on('data', take).on('end', finish).on('close', lost)
  })

/**
 * The body as strict JSON; `undefined` where the request has none. Throws a `Problem`: 415 for another type, 413 past
 * `bodyBytesMax` (at once when the header says so), 400 for what is not JSON of one meaning.
 */
export const readJson = async (req: IncomingMessage, onContinue: () => void): Promise<unknown> => {
  if (!hasBody(req)) return undefined
  checkType(req)
  if (Number(req.headers['content-length'] ?? 0) > bodyBytesMax) throw tooLarge(req)
  // RFC 9110, 10.1.1: who waits for our leave gets it only now.
  if (req.headers.expect !== undefined) onContinue()
  const json = parseStrictJson(await readBytes(req))
  if (json.kind === 'invalid')
    throw new Problem('invalid_request', {
      message: `The body is not acceptable JSON: ${json.reason}.`,
      param: 'body',
    })
  return json.value
}

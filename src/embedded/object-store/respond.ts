import type { IncomingMessage, ServerResponse } from 'node:http'
import { pipeline } from 'node:stream/promises'
import { discardedBodyBytesMax } from '../../../protocol/limits.ts'
import { objectStoreWholeReadBytesMax } from '../../../protocol/limits-embedded.ts'
import type { Answer } from './call.ts'
import type { Span } from './conditions.ts'
import type { S3Fault } from './faults.ts'
import type { StoredFile } from './stored-file.ts'
import { leaf } from './xml.ts'

// Whoever holds a signed URL may use it from any page: the signature is what grants, never a cookie.
const corsHeaders = {
  'access-control-allow-origin': '*',
  'access-control-expose-headers': '*, ETag, Content-Range, Accept-Ranges',
}

/** The answer to a browser that asks before it sends. */
export const preflight = ({ headers }: IncomingMessage): Answer => {
  const wanted = headers['access-control-request-headers']
  return {
    status: 204,
    headers: {
      ...corsHeaders,
      'access-control-allow-methods': 'GET, HEAD, PUT, POST, DELETE',
      ...(wanted !== undefined && { 'access-control-allow-headers': wanted }),
      'access-control-max-age': '3600',
      vary: 'Access-Control-Request-Headers',
    },
  }
}

export const faultAnswer = (fault: S3Fault, path: string, requestId: string): Answer => ({
  status: fault.status,
  headers: {
    'content-type': 'application/xml',
    ...(fault.code === 'SlowDown' && { 'retry-after': '1' }),
  },
  body: `<?xml version="1.0" encoding="UTF-8"?>\n<Error>${[
    leaf('Code', fault.code),
    leaf('Message', fault.message),
    leaf('Resource', path),
    leaf('RequestId', requestId),
  ].join('')}</Error>`,
})

/** What is left of a body that nobody wants is read and thrown away, so that the client hears the answer; but not without end. */
const drain = (request: IncomingMessage): void => {
  if (request.complete || request.destroyed) return
  let bytes = 0
  request.on('data', (piece: Buffer) => {
    bytes += piece.length
    if (bytes > discardedBodyBytesMax) request.socket.destroy()
  })
}

const sendFile = async (response: ServerResponse, file: StoredFile, span: Span) => {
  const { handle } = file
  try {
    if (span.bytes > objectStoreWholeReadBytesMax) {
      const { from, bytes } = span
      const end = from + bytes - 1
      await pipeline(handle.createReadStream({ start: from, end, autoClose: false }), response)
      return
    }
    const { buffer, bytesRead } = await handle.read(
      Buffer.allocUnsafe(span.bytes),
      0,
      span.bytes,
      span.from,
    )
    if (bytesRead === span.bytes) response.end(buffer)
    else response.destroy()
  } finally {
    await handle.close()
  }
}

export const respond = async (
  request: IncomingMessage,
  response: ServerResponse,
  { status, headers, body }: Answer,
): Promise<void> => {
  drain(request)
  const isCors = request.headers.origin !== undefined
  const isBodiless = request.method === 'HEAD' || status === 204 || status === 304
  const text = typeof body === 'string' ? body : ''
  const length =
    isBodiless || typeof body === 'object' ? {} : { 'content-length': Buffer.byteLength(text) }
  response.writeHead(status, { ...length, ...headers, ...(isCors && corsHeaders) })
  if (typeof body === 'object') await sendFile(response, body.file, body.span)
  else response.end(isBodiless ? undefined : text)
}

import { Readable } from 'node:stream'
import { S3ServiceException } from '@aws-sdk/client-s3'
import {
  type Body,
  BodyMismatch,
  NoSuchObject,
  NoSuchUpload,
  ObjectStoreUnavailable,
  PreconditionFailed,
} from './object-store.ts'

const mismatches = ['BadDigest', 'InvalidDigest', 'IncompleteBody', 'XAmzContentSHA256Mismatch']

const errorOf = (what: string, error: unknown): Error => {
  const { name, message } = error as Error
  const text = `${what}: ${name}: ${message}`
  const cause = { cause: error }
  const status = error instanceof S3ServiceException ? error.$metadata.httpStatusCode : undefined
  if (name === 'NoSuchUpload') return new NoSuchUpload(text, cause)
  if (status === 404) return new NoSuchObject(text, cause)
  if (status === 412) return new PreconditionFailed(text, cause)
  if (mismatches.includes(name)) return new BodyMismatch(text, cause)
  return new ObjectStoreUnavailable(text, cause)
}

export type CallOptions = { readonly abortSignal: AbortSignal }
type Call = { readonly what: string; readonly msMax: number; readonly signal?: AbortSignal }

/** One call, bounded in time until its answer begins; what goes wrong is thrown as one of the port's errors. */
export const called = async <Result>(
  { what, msMax, signal }: Call,
  work: (options: CallOptions) => Promise<Result>,
): Promise<Result> => {
  const timing = new AbortController()
  const timer = setTimeout(() => timing.abort(), msMax)
  const abortSignal = signal ? AbortSignal.any([timing.signal, signal]) : timing.signal
  try {
    return await work({ abortSignal })
  } catch (error) {
    if (timing.signal.aborted)
      throw new ObjectStoreUnavailable(`${what}: no answer in ${msMax} ms`, { cause: error })
    throw errorOf(what, error)
  } finally {
    clearTimeout(timer)
  }
}

/**
 * The pieces of a body of exactly so many bytes. The last piece is held back until the body has ended, so that a body that is too long
 * is never sent as one that fits.
 */
async function* exactly(pieces: AsyncIterable<Uint8Array>, bytes: number) {
  let held: Uint8Array | undefined
  let seen = 0
  for await (const piece of pieces) {
    seen += piece.byteLength
    if (seen > bytes) throw new BodyMismatch(`the body has more than ${bytes} bytes`)
    if (held) yield held
    held = piece
  }
  if (seen < bytes) throw new BodyMismatch(`the body has ${seen} bytes instead of ${bytes}`)
  if (held) yield held
}

/** Hands `send` a body that the SDK takes. A body that fails or does not fit ends the request, and its own error is thrown. */
export const sendingBody = async <Result>(
  body: Body,
  bytes: number,
  send: (body: Uint8Array | Readable, signal?: AbortSignal) => Promise<Result>,
): Promise<Result> => {
  if (body instanceof Uint8Array) {
    if (body.byteLength === bytes) return send(body)
    throw new BodyMismatch(`the body has ${body.byteLength} bytes instead of ${bytes}`)
  }
  const failing = new AbortController()
  let fault: unknown
  const stream = Readable.from(exactly(body, bytes), { objectMode: false })
  stream.on('error', (error) => {
    fault = error
    failing.abort()
  })
  try {
    return await send(stream, failing.signal)
  } catch (error) {
    throw fault ?? error
  } finally {
    stream.destroy()
  }
}

/** The pieces of an answer's body. Throws `ObjectStoreUnavailable` when it ends before its length. */
export async function* receivedBody(what: string, body: AsyncIterable<Uint8Array>) {
  try {
    yield* body
  } catch (error) {
    throw errorOf(what, error)
  }
}

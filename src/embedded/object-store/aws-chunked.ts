import { createHash } from 'node:crypto'
import {
  objectStoreChunkLineBytesMax,
  objectStoreTrailersMax,
} from '../../../protocol/limits-embedded.ts'
import { sha256Hex, signText } from '../../../protocol/sigv4.ts'
import type { ChunkSigning } from './authenticate.ts'
import { S3Fault } from './faults.ts'

const emptyHash = sha256Hex('')
const lineEnd = Buffer.from('\r\n')

/** Reads a stream of pieces by lines and by counted bytes. */
const readerOf = (source: AsyncIterable<Buffer>) => {
  const pieces = source[Symbol.asyncIterator]()
  let rest: Buffer = Buffer.alloc(0)
  const more = async (): Promise<void> => {
    const { done, value } = await pieces.next()
    if (done) throw new S3Fault('IncompleteBody')
    rest = rest.length === 0 ? value : Buffer.concat([rest, value])
  }
  const line = async (): Promise<string> => {
    for (;;) {
      const at = rest.indexOf(lineEnd)
      if (
        at > objectStoreChunkLineBytesMax ||
        (at < 0 && rest.length > objectStoreChunkLineBytesMax)
      )
        throw new S3Fault('InvalidRequest', 'A line of the chunked body is too long')
      if (at >= 0) {
        const text = rest.subarray(0, at).toString('latin1')
        rest = rest.subarray(at + lineEnd.length)
        return text
      }
      await more()
    }
  }
  async function* counted(bytes: number) {
    for (let left = bytes; left > 0; ) {
      if (rest.length === 0) await more()
      const piece = rest.subarray(0, left)
      rest = rest.subarray(piece.length)
      left -= piece.length
      yield piece
    }
  }
  const ended = async (): Promise<boolean> =>
    rest.length === 0 && (await pieces.next()).done === true
  return { line, counted, ended }
}

type Reader = ReturnType<typeof readerOf>

/** Checks the chain of signatures: each covers the one before it. */
const chainOf = ({ key, date, scope, signature }: ChunkSigning) => {
  let last = signature
  return (kind: string, hashes: readonly string[], said: string | undefined): void => {
    last = signText(key, [`AWS4-HMAC-SHA256-${kind}`, date, scope, last, ...hashes].join('\n'))
    if (said !== last) throw new S3Fault('SignatureDoesNotMatch')
  }
}

const chunkHead = /^([\da-f]{1,12})(?:;chunk-signature=([\da-f]{64}))?$/i

const trailersOf = async ({ line }: Reader): Promise<Map<string, string>> => {
  const trailers = new Map<string, string>()
  for (;;) {
    const text = await line()
    if (text === '') return trailers
    const [, name, value] = /^([\w-]+):\s*(.*?)\s*$/.exec(text) ?? []
    if (name === undefined || value === undefined || trailers.size >= objectStoreTrailersMax)
      throw new S3Fault('InvalidRequest', 'The trailer of the chunked body cannot be read')
    trailers.set(name.toLowerCase(), value)
  }
}

export type ChunkedForm = {
  /** Missing: the chunks are not signed. */
  readonly signing?: ChunkSigning
  readonly hasTrailer: boolean
  /** Told once, when the body has ended. */
  readonly onTrailers: (trailers: ReadonlyMap<string, string>) => void
}

const checkTrailers = (
  trailers: ReadonlyMap<string, string>,
  { hasTrailer }: ChunkedForm,
  check: Check | undefined,
): void => {
  const said = trailers.get('x-amz-trailer-signature')
  const plain = [...trailers].filter(([name]) => name !== 'x-amz-trailer-signature')
  if (!hasTrailer && trailers.size > 0)
    throw new S3Fault('InvalidRequest', 'No trailer was announced')
  if (hasTrailer)
    check?.(
      'TRAILER',
      [sha256Hex(plain.map(([name, value]) => `${name}:${value}\n`).join(''))],
      said,
    )
}

type Check = ReturnType<typeof chainOf>

/** The bytes of one chunk; its head was read. */
async function* chunkOf(
  { counted }: Reader,
  bytes: number,
  check: Check | undefined,
  said: string | undefined,
) {
  const hash = check && createHash('sha256')
  for await (const piece of counted(bytes)) {
    hash?.update(piece)
    yield piece
  }
  if (hash) check?.('PAYLOAD', [emptyHash, hash.digest('hex')], said)
}

/**
 * The bytes within an `aws-chunked` body (Signature Version 4, "Transferring payload in multiple chunks"), signed or not, with or without
 * a trailer. What a chunk's signature covers is yielded before it is checked: a body counts when the iteration has ended.
 */
export async function* dechunked(source: AsyncIterable<Buffer>, form: ChunkedForm) {
  const reader = readerOf(source)
  const check = form.signing && chainOf(form.signing)
  for (;;) {
    const [, hex, said] = chunkHead.exec(await reader.line()) ?? []
    if (hex === undefined) throw new S3Fault('InvalidRequest', 'A chunk has no length')
    const bytes = Number.parseInt(hex, 16)
    yield* chunkOf(reader, bytes, check, said)
    if (bytes === 0) break
    if ((await reader.line()) !== '')
      throw new S3Fault('InvalidRequest', 'A chunk has another length')
  }
  const trailers = await trailersOf(reader)
  checkTrailers(trailers, form, check)
  if (!(await reader.ended()))
    throw new S3Fault('InvalidRequest', 'Something follows the last chunk')
  form.onTrailers(trailers)
}

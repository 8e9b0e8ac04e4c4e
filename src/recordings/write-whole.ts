import { createHash } from 'node:crypto'
import {
  copiedPartBytesMin,
  multipartPartsMax,
  stitchedPartBytesMin,
} from '../../protocol/limits-recordings.ts'
import type { Chunk } from '../domain/recording/chunks.ts'
import type { MultipartUpload, ObjectStore, UploadedPart } from '../store/object-store.ts'

export type Target = { readonly key: string; readonly contentType: string }
export type Written = { readonly bytes: number; readonly sha256: string }

/** The bytes in parts of one size; the last one may be smaller. Two buffers take turns: a part holds until the one after the next is asked for. */
async function* inParts(
  source: AsyncIterable<Uint8Array>,
  partBytes: number,
): AsyncGenerator<Buffer> {
  let [part, other] = [Buffer.allocUnsafe(partBytes), Buffer.allocUnsafe(partBytes)]
  let bytes = 0
  for await (const piece of source) {
    for (let from = 0; from < piece.length; ) {
      const next = piece.subarray(from, from + partBytes - bytes)
      part.set(next, bytes)
      from += next.length
      bytes += next.length
      if (bytes < partBytes) continue
      yield part
      ;[part, other, bytes] = [other, part, 0]
    }
  }
  if (bytes > 0) yield part.subarray(0, bytes)
}

/** An upload in parts, given up where it breaks off. */
const uploaded = async (
  objects: ObjectStore,
  { key, contentType }: Target,
  send: (upload: MultipartUpload) => Promise<readonly UploadedPart[]>,
): Promise<void> => {
  const upload = { key, uploadId: await objects.createMultipart(key, contentType) }
  try {
    await objects.complete(upload, await send(upload))
  } catch (error) {
    // What went wrong is told, not that it could not be tidied up.
    await objects.abort(upload).catch(() => {})
    throw error
  }
}

/** A size of parts with which so many bytes and a little more fit into one upload. */
export const partBytesFor = (bytes: number): number =>
  Math.max(stitchedPartBytesMin, Math.ceil((2 * bytes) / multipartPartsMax))

/** The next part is read while one is sent or copied; two are held at most. What fails first is thrown when both have ended. */
const during = async <Next>(
  sending: Promise<unknown>,
  next: () => Promise<Next>,
): Promise<Next> => {
  const [sent, read] = await Promise.allSettled([sending, next()])
  if (sent.status === 'rejected') throw sent.reason
  if (read.status === 'rejected') throw read.reason
  return read.value
}

/** One object of bytes whose number is not known before. Throws what the source does. */
export const writeWhole = async (
  objects: ObjectStore,
  target: Target,
  source: AsyncIterable<Uint8Array>,
  partBytes: number,
): Promise<Written> => {
  const hash = createHash('sha256')
  let bytes = 0
  const parts = inParts(source, partBytes)
  const next = async (): Promise<Buffer | undefined> => {
    const { value } = await parts.next()
    if (value === undefined) return undefined
    hash.update(value)
    bytes += value.length
    return value
  }
  const first = (await next()) ?? Buffer.alloc(0)
  if (first.length < partBytes) {
    const sha256 = hash.digest('hex')
    await objects.write(target.key, first, { bytes, contentType: target.contentType, sha256 })
    return { bytes, sha256 }
  }
  await uploaded(objects, target, async (upload) => {
    const sent: UploadedPart[] = []
    for (let part: Buffer | undefined = first; part; ) {
      const sending = objects.uploadPart(upload, sent.length + 1, part, { bytes: part.length })
      part = await during(sending, next)
      sent.push(await sending)
    }
    return sent
  })
  return { bytes, sha256: hash.digest('hex') }
}

/** Whether chunks can be parts of an upload as they are: all but the last large enough. */
export const isCopied = (chunks: readonly Chunk[]): boolean =>
  chunks.length > 1 &&
  chunks.length <= multipartPartsMax &&
  chunks.slice(0, -1).every(({ bytes }) => bytes >= copiedPartBytesMin)

/** One object of chunks that the store itself puts one behind the other; their bytes only pass to be hashed. */
export const copyWhole = async (
  objects: ObjectStore,
  target: Target,
  chunks: readonly Chunk[],
  read: (chunk: Chunk) => AsyncIterable<Uint8Array>,
): Promise<Written> => {
  const hash = createHash('sha256')
  let bytes = 0
  const pass = async (chunk: Chunk): Promise<void> => {
    for await (const piece of read(chunk)) hash.update(piece)
    bytes += chunk.bytes
  }
  await uploaded(objects, target, async (upload) => {
    const sent: UploadedPart[] = []
    let copying: Promise<unknown> = Promise.resolve()
    for (const [at, chunk] of chunks.entries()) {
      await during(copying, () => pass(chunk))
      const source = { key: chunk.object ?? '' }
      copying = objects.copyPart(upload, at + 1, source).then((part) => sent.push(part))
    }
    await copying
    return sent
  })
  return { bytes, sha256: hash.digest('hex') }
}

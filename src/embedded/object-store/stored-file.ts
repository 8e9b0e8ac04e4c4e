import { type FileHandle, open } from 'node:fs/promises'
import { objectStoreFooterBytesMax } from '../../../protocol/limits-embedded.ts'
import type { Checksum } from './checksums.ts'
import { S3Fault, systemCode } from './faults.ts'

/** What is known of an object or a part besides its bytes. */
export type Described = {
  readonly bytes: number
  /** Without quotes. */
  readonly etag: string
  /** Milliseconds since 1970. */
  readonly modified: number
  /** Content-Type and its like, and `x-amz-meta-…`, as they are answered. */
  readonly headers: Readonly<Record<string, string>>
  readonly checksum?: Checksum
  /** Of a part whose bytes do not stand here but in the file that grows of its upload: from where. */
  readonly at?: number
}

/*
 * An object is one file: its bytes, then its description in JSON, then the description's length (32 bits) and a mark. The description
 * cannot part from the bytes: both are there by one rename, or neither is.
 */
const mark = Buffer.from('LO01')
const tailBytes = 4 + mark.length
const firstReadBytes = 1_024

export const footerOf = (described: Described): Buffer => {
  const json = Buffer.from(JSON.stringify(described))
  const length = Buffer.alloc(4)
  length.writeUInt32BE(json.length)
  return Buffer.concat([json, length, mark])
}

const damaged = (why: string) => new S3Fault('InternalError', `The stored file is damaged: ${why}`)

const readEnd = async (handle: FileHandle, size: number, bytes: number): Promise<Buffer> => {
  const length = Math.min(size, bytes)
  const { buffer, bytesRead } = await handle.read(Buffer.alloc(length), 0, length, size - length)
  return buffer.subarray(0, bytesRead)
}

const readFooter = async (handle: FileHandle): Promise<Described> => {
  const { size } = await handle.stat()
  const end = await readEnd(handle, size, firstReadBytes)
  if (end.length < tailBytes || !end.subarray(-mark.length).equals(mark)) throw damaged('no mark')
  const length = end.readUInt32BE(end.length - tailBytes)
  if (length > objectStoreFooterBytesMax) throw damaged('its description is too long')
  const whole =
    length + tailBytes <= end.length ? end : await readEnd(handle, size, length + tailBytes)
  const json = whole.subarray(whole.length - tailBytes - length, whole.length - tailBytes)
  const described: Described = JSON.parse(json.toString())
  const own = described.at === undefined ? described.bytes : 0
  if (own + length + tailBytes !== size) throw damaged('its length is another')
  return described
}

export type StoredFile = Described & { readonly handle: FileHandle }

/** Opens it for reading; `undefined` where nothing is. The caller closes the handle. */
export const openStored = async (path: string): Promise<StoredFile | undefined> => {
  const handle = await open(path, 'r').catch((error: unknown) => {
    if (systemCode(error) === 'ENOENT') return undefined
    throw error
  })
  if (!handle) return undefined
  try {
    return { ...(await readFooter(handle)), handle }
  } catch (error) {
    await handle.close()
    throw error
  }
}

export const describe = async (path: string): Promise<Described | undefined> => {
  const file = await openStored(path)
  if (!file) return undefined
  const { handle, ...described } = file
  await handle.close()
  return described
}

/** So many of its bytes, from an offset on. */
export async function* bytesOf(handle: FileHandle, from: number, bytes: number) {
  if (bytes === 0) return
  yield* handle.createReadStream({
    start: from,
    end: from + bytes - 1,
    autoClose: false,
    highWaterMark: 262_144,
  }) as AsyncIterable<Buffer>
}

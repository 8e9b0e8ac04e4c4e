import { type FileHandle, open } from 'node:fs/promises'
import { objectStoreGatherBytesMax } from '../../../protocol/limits-embedded.ts'
import { discard } from './disk.ts'
import { type Described, footerOf } from './stored-file.ts'

export type Written = { readonly path: string; readonly described: Described }

/** As they are: joining them would cost as much as writing them. */
export const writeAll = async (
  handle: FileHandle,
  pieces: readonly Buffer[],
  from: number,
): Promise<void> => {
  if (pieces.length === 0) return
  const { bytesWritten } = await handle.writev(pieces, from)
  const bytes = pieces.reduce((sum, { length }) => sum + length, 0)
  if (bytesWritten === bytes) return
  const rest = Buffer.concat(pieces).subarray(bytesWritten)
  for (let at = 0; at < rest.length; ) {
    const place = from + bytesWritten + at
    at += (await handle.write(rest, at, rest.length - at, place)).bytesWritten
  }
}

/** What of a body is not written yet, and where it belongs. */
type Rest = { readonly pieces: readonly Buffer[]; readonly at: number }

/** Writes bytes from an offset on, some at a time; the last of them are left to the caller, who may have more to write behind them. */
const writeMost = async (
  handle: FileHandle,
  from: number,
  pieces: AsyncIterable<Buffer>,
): Promise<Rest> => {
  let gathered: Buffer[] = []
  let [at, bytes] = [from, 0]
  for await (const piece of pieces) {
    gathered.push(piece)
    bytes += piece.length
    if (bytes <= objectStoreGatherBytesMax) continue
    await writeAll(handle, gathered, at)
    at += bytes
    ;[gathered, bytes] = [[], 0]
  }
  return { pieces: gathered, at }
}

/** Writes bytes into a file that is open, from an offset on. They are not on the disk yet. */
export const writeAt = async (
  handle: FileHandle,
  from: number,
  pieces: AsyncIterable<Buffer>,
): Promise<void> => {
  const rest = await writeMost(handle, from, pieces)
  await writeAll(handle, rest.pieces, rest.at)
}

/**
 * Writes bytes and their description, which is asked for when they have ended, into a new file, and waits for the disk. Nothing is left
 * where it throws: a body that is not what was claimed of it, one that ends early, a disk that is full.
 */
export const writeFile = async (
  path: string,
  pieces: AsyncIterable<Buffer>,
  describe: () => Described,
): Promise<Written> => {
  const handle = await open(path, 'wx', 0o600)
  try {
    const rest = await writeMost(handle, 0, pieces)
    const described = describe()
    await writeAll(handle, [...rest.pieces, footerOf(described)], rest.at)
    await handle.datasync()
    await handle.close()
    return { path, described }
  } catch (error) {
    await handle.close().catch(() => {})
    await discard(path)
    throw error
  }
}

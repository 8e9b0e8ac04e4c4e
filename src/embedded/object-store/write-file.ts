import { type FileHandle, open } from 'node:fs/promises'
import { objectStoreGatherBytesMax } from '../../../protocol/limits-embedded.ts'
import { discard } from './disk.ts'
import { type Described, footerOf } from './stored-file.ts'

export type Written = { readonly path: string; readonly described: Described }

/** As they are: joining them would cost as much as writing them. */
const writeAll = async (handle: FileHandle, pieces: readonly Buffer[]): Promise<void> => {
  if (pieces.length === 0) return
  const { bytesWritten } = await handle.writev(pieces)
  const bytes = pieces.reduce((sum, { length }) => sum + length, 0)
  if (bytesWritten === bytes) return
  const rest = Buffer.concat(pieces).subarray(bytesWritten)
  for (let at = 0; at < rest.length; )
    at += (await handle.write(rest, at, rest.length - at)).bytesWritten
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
    let gathered: Buffer[] = []
    let gatheredBytes = 0
    const flush = async () => {
      const data = gathered
      gathered = []
      gatheredBytes = 0
      await writeAll(handle, data)
    }
    for await (const piece of pieces) {
      gathered.push(piece)
      gatheredBytes += piece.length
      if (gatheredBytes >= objectStoreGatherBytesMax) await flush()
    }
    const described = describe()
    gathered.push(footerOf(described))
    await flush()
    await handle.datasync()
    await handle.close()
    return { path, described }
  } catch (error) {
    await handle.close().catch(() => {})
    await discard(path)
    throw error
  }
}

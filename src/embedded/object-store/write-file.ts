import { closeSync, constants, fdatasync, open as openFile, writev } from 'node:fs'
import { type FileHandle, open } from 'node:fs/promises'
import { objectStoreGatherBytesMax } from '../../../protocol/limits-embedded.ts'
import { discard } from './disk.ts'
import { type Described, footerOf } from './stored-file.ts'

export type Written = { readonly path: string; readonly described: Described }

/** What of pieces comes behind so many bytes of them. */
const behind = (pieces: readonly Buffer[], bytes: number): readonly Buffer[] => {
  let left = bytes
  for (const [at, piece] of pieces.entries()) {
    if (left < piece.length) return [piece.subarray(left), ...pieces.slice(at + 1)]
    left -= piece.length
  }
  return []
}

/** Writes pieces from an offset on, as far as it comes; how many bytes that were. */
type Write = (pieces: readonly Buffer[], from: number) => Promise<number>

/** As they are: joining them would cost as much as writing them. */
const writeWhole = async (write: Write, pieces: readonly Buffer[], from: number): Promise<void> => {
  let at = from
  for (let left = pieces; left.length > 0; ) {
    const bytes = await write(left, at)
    at += bytes
    left = behind(left, bytes)
  }
}

export const writeAll = (
  handle: FileHandle,
  pieces: readonly Buffer[],
  from: number,
): Promise<void> =>
  writeWhole(async (left, at) => (await handle.writev(left, at)).bytesWritten, pieces, from)

/** What of a body is not written yet, and where it belongs. */
type Rest = { readonly pieces: readonly Buffer[]; readonly at: number }

/**
 * Writes bytes from an offset on, some at a time, to what is opened for the first of them; the last are left to the caller, who may have
 * more to write behind them.
 */
const writeMost = async (
  opened: () => Promise<FileHandle>,
  from: number,
  pieces: AsyncIterable<Buffer>,
): Promise<Rest> => {
  let gathered: Buffer[] = []
  let [at, bytes] = [from, 0]
  for await (const piece of pieces) {
    gathered.push(piece)
    bytes += piece.length
    if (bytes <= objectStoreGatherBytesMax) continue
    await writeAll(await opened(), gathered, at)
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
  const rest = await writeMost(async () => handle, from, pieces)
  await writeAll(handle, rest.pieces, rest.at)
}

const { O_CREAT, O_DSYNC, O_EXCL, O_WRONLY } = constants
// What is written is on the disk when the write ends: a turn less through the pool of threads. Elsewhere it is a weaker word than a flush.
const dataSync = process.platform === 'linux' ? O_DSYNC : 0
const create = O_CREAT | O_EXCL | O_WRONLY | dataSync

type Callback<Result> = (error: Error | null, result: Result) => void

const asked = <Result>(ask: (callback: Callback<Result>) => void): Promise<Result> =>
  new Promise((resolve, reject) => {
    ask((error, result) => (error ? reject(error) : resolve(result)))
  })

/** A new file of what was gathered, on the disk. */
const writeGathered = async (path: string, pieces: readonly Buffer[]): Promise<void> => {
  const fd = await asked<number>((callback) => openFile(path, create, 0o600, callback))
  try {
    const write: Write = (left, at) => asked((callback) => writev(fd, left, at, callback))
    await writeWhole(write, pieces, 0)
    if (dataSync === 0) await asked<void>((callback) => fdatasync(fd, callback))
  } finally {
    // Nothing waits to be written: it takes less than a turn through the pool.
    closeSync(fd)
  }
}

const finishWith = async (handle: FileHandle, pieces: readonly Buffer[], at: number) => {
  await writeAll(handle, pieces, at)
  await handle.datasync()
  await handle.close()
}

/**
 * Writes bytes and their description, which is asked for when they have ended, into a new file, and waits for the disk. Nothing is left
 * where it throws: a body that is not what was claimed of it, one that ends early, a disk that is full. What fits into memory at once
 * makes no file before it is known to be right.
 */
export const writeFile = async (
  path: string,
  pieces: AsyncIterable<Buffer>,
  describe: () => Described,
): Promise<Written> => {
  let handle: FileHandle | undefined
  const opened = async () => {
    handle ??= await open(path, 'wx', 0o600)
    return handle
  }
  try {
    const rest = await writeMost(opened, 0, pieces)
    const described = describe()
    const last = [...rest.pieces, footerOf(described)]
    if (handle) await finishWith(handle, last, rest.at)
    else await writeGathered(path, last)
    return { path, described }
  } catch (error) {
    await handle?.close().catch(() => {})
    await discard(path)
    throw error
  }
}

import { constants, type FileHandle, link, open } from 'node:fs/promises'
import { discard } from './disk.ts'
import type { Verified } from './objects.ts'
import { growingPath, type Part, partPath, partsIn } from './parts.ts'
import { describe, footerOf } from './stored-file.ts'
import { type Written, writeAll, writeAt, writeFile } from './write-file.ts'

/*
 * Parts that come in one behind the other, from the first on, are written into one file, so that the completion of an upload has nothing
 * left to copy. A part stands in it from the moment that its description is in place, and is never written over: one that is sent again,
 * comes out of order, or while another comes in, is a file of its own, and the completion joins them all.
 */

/** Where the bytes of a part go. Whoever has it calls `release`. */
export type Claim = {
  readonly handle: FileHandle
  readonly at: number
  readonly release: () => Promise<void>
}

async function* nothing(): AsyncGenerator<Buffer> {}

/** Writes a part to its place, and its description into a new file; resolves when both are on the disk. */
export const writeClaimed = async (
  { handle, at }: Claim,
  { pieces, describe: described }: Verified,
  path: string,
): Promise<Written> => {
  await writeAt(handle, at, pieces)
  // At once: the file system writes them in one go.
  const [flushed, written] = await Promise.allSettled([
    handle.datasync(),
    writeFile(path, nothing(), () => ({ ...described(), at })),
  ])
  if (written.status === 'rejected') throw written.reason
  if (flushed.status === 'fulfilled') return written.value
  await discard(path)
  throw flushed.reason
}

/** A completed upload's file is the object's own, by its second name: nobody may write into it any more. */
const isShared = async (handle: FileHandle): Promise<boolean> => (await handle.stat()).nlink > 1

/** Whether the file that grew is an object already: the upload's folder was to go next. */
export const isCompleted = async (folder: string): Promise<boolean> => {
  const handle = await open(growingPath(folder), 'r').catch(() => undefined)
  return handle ? isShared(handle).finally(() => handle.close()) : false
}

const endOf = async (folder: string, number: number): Promise<number | undefined> => {
  if (await describe(partPath(folder, number))) return undefined
  if (number === 1) return 0
  const before = await describe(partPath(folder, number - 1))
  return before?.at === undefined ? undefined : before.at + before.bytes
}

const isInRow = (parts: readonly Part[]): boolean => {
  let end = 0
  return parts.every(({ at, bytes }) => {
    const isNext = at === end
    end += bytes
    return isNext
  })
}

/** Whether parts stand in the file that grows behind those that are asked for. */
const holdsBehind = async (folder: string, end: number): Promise<boolean> =>
  (await partsIn(folder)).some(({ at = -1 }) => at >= end)

export const createGrowing = () => {
  /** Folders into whose file a part comes in right now. */
  const busy = new Set<string>()

  /** `undefined`: it is to be a file of its own. One at a time for each folder. */
  const claim = async (folder: string, number: number): Promise<Claim | undefined> => {
    if (busy.has(folder)) return undefined
    const at = await endOf(folder, number)
    if (at === undefined) return undefined
    const { O_CREAT, O_RDWR } = constants
    const handle = await open(growingPath(folder), O_CREAT | O_RDWR, 0o600)
    if (await isShared(handle)) {
      await handle.close()
      return undefined
    }
    busy.add(folder)
    const release = async () => {
      busy.delete(folder)
      await handle.close()
    }
    return { handle, at, release }
  }

  /** The file that grew as a whole object under another name. `undefined`: the parts are to be joined. */
  const finish = async (
    folder: string,
    parts: readonly Part[],
    { path, described }: Written,
  ): Promise<Written | undefined> => {
    if (busy.has(folder) || !isInRow(parts)) return undefined
    // Should the conditions not hold, the upload goes on, with those too.
    if (await holdsBehind(folder, described.bytes)) return undefined
    const handle = await open(growingPath(folder), 'r+')
    try {
      if (await isShared(handle)) return undefined
      await handle.truncate(described.bytes)
      await writeAll(handle, [footerOf(described)], described.bytes)
      await handle.datasync()
    } finally {
      await handle.close()
    }
    await link(growingPath(folder), path)
    return { path, described }
  }

  return { claim, finish }
}

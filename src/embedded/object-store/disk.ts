import { closeSync, fsync, openSync } from 'node:fs'
import { mkdir, rename, rm, rmdir, unlink } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import {
  objectStoreFoldersKnownMax,
  objectStoreRenamesMax,
} from '../../../protocol/limits-embedded.ts'
import { S3Fault, systemCode } from './faults.ts'

export type Disk = {
  /** For files that are being written; emptied at each start. */
  readonly temporary: () => string
  /** Moves a file that is on the disk to its place, durably: it is wholly there from now on, or not at all. */
  readonly place: (from: string, to: string) => Promise<void>
  /** Durably. Folders that hold nothing any more go, too, up to `root`. False: it was not there. */
  readonly remove: (path: string, root: string) => Promise<boolean>
  /** Makes a folder and all above it, durably. */
  readonly folder: (path: string) => Promise<void>
}

const flush = (file: number): Promise<void> =>
  new Promise((resolve, reject) => {
    fsync(file, (error) => (error ? reject(error) : resolve()))
  })

/** To open what is there and to close it takes less than a turn through the pool of threads, and waits for no disk. */
const syncFolder = async (path: string): Promise<void> => {
  const folder = openSync(path, 'r')
  await flush(folder).finally(() => closeSync(folder))
}

const isThere = (error: unknown, ...codes: string[]) => codes.includes(systemCode(error) ?? '')

/**
 * The order that makes writes durable: the file's bytes are synced before it is renamed, and after that the folder that names it and,
 * once, the folders above it. `root` is there and durable.
 */
export const openDisk = async (root: string): Promise<Disk> => {
  const temporaryFolder = join(root, 'tmp')
  await rm(temporaryFolder, { recursive: true, force: true })
  await mkdir(temporaryFolder, { mode: 0o700 })
  // The folder is empty, and ours alone.
  let names = 0
  // Those whose entry in the folder above is known to be on the disk.
  const durable = new Set<string>([root])

  /** Makes what is missing of a path; the folders in which an entry may be new, each to be synced. */
  const made = async (path: string): Promise<readonly string[]> => {
    if (durable.has(path)) return []
    const parent = dirname(path)
    const above = await made(parent)
    await mkdir(path, { mode: 0o700 }).catch((error: unknown) => {
      if (!isThere(error, 'EEXIST')) throw error
    })
    return [...above, parent]
  }

  /** On the disk, all at once: the file system writes them in one go. What a folder holds is durable with it. */
  const sync = async (folders: readonly string[], path: string): Promise<void> => {
    await Promise.all(folders.map(syncFolder))
    if (durable.size >= objectStoreFoldersKnownMax) durable.clear()
    durable.add(root)
    for (let at = path; at !== root && !durable.has(at); at = dirname(at)) durable.add(at)
  }

  const folder = async (path: string): Promise<void> => sync(await made(path), path)

  const forget = (path: string): void => {
    for (let at = path; at.startsWith(root) && at !== root; at = dirname(at)) durable.delete(at)
  }

  const place = async (from: string, to: string): Promise<void> => {
    const parent = dirname(to)
    for (let attempt = 1; ; attempt += 1)
      try {
        const changed = await made(parent)
        await rename(from, to)
        return await sync([...changed, parent], parent)
      } catch (error) {
        // The last object beside it was removed, and the folder with it.
        if (!isThere(error, 'ENOENT') || attempt >= objectStoreRenamesMax) throw error
        forget(parent)
      }
  }

  const prune = async (path: string, top: string): Promise<void> => {
    for (let at = path; at.startsWith(top) && at !== top; at = dirname(at)) {
      durable.delete(at)
      const isGone = await rmdir(at).then(
        () => true,
        (error: unknown) => {
          if (!isThere(error, 'ENOTEMPTY', 'EEXIST', 'ENOENT')) throw error
          return false
        },
      )
      if (!isGone) return
    }
  }

  return {
    temporary: () => {
      names += 1
      return join(temporaryFolder, String(names))
    },
    place,
    folder,
    remove: async (path, top) => {
      const parent = dirname(path)
      try {
        await unlink(path)
        await syncFolder(parent)
      } catch (error) {
        if (isThere(error, 'ENOENT', 'ENOTDIR')) return false
        throw error
      }
      await prune(parent, top)
      return true
    },
  }
}

/** Removes a temporary file that may have been moved to its place already. */
export const discard = (path: string): Promise<void> => rm(path, { force: true })

export const notThere = (error: unknown): boolean =>
  isThere(error, 'ENOENT') || (error instanceof S3Fault && error.status === 404)

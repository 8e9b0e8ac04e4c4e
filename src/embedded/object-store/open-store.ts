import { randomBytes } from 'node:crypto'
import { mkdir } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { setTimeout as delay } from 'node:timers/promises'
import { objectStoreLockWaitMsMax, objectStoreSweepMs } from '../../../protocol/limits-embedded.ts'
import type { Store } from './call.ts'
import { openDisk } from './disk.ts'
import { createLocks } from './locks.ts'
import { openObjects } from './objects.ts'
import { openUploads } from './uploads.ts'

/** Why the data folder cannot be used: a sentence for whoever started it. */
export class DataFolderRefused extends Error {
  override readonly name = 'DataFolderRefused'
}

const pollMs = 50

/** An exclusive SQLite lock on a file of its own: the operating system ends it with the process, however that ends. */
const tryLock = (folder: string): DatabaseSync | undefined => {
  const lock = new DatabaseSync(join(folder, 'lock.db'), { timeout: 0 })
  try {
    lock.exec('pragma locking_mode = exclusive; begin exclusive')
    return lock
  } catch (error) {
    lock.close()
    if (/locked|busy/.test(String(error))) return undefined
    throw error
  }
}

const lockFolder = async (folder: string): Promise<DatabaseSync> => {
  for (let waited = 0; ; waited += pollMs) {
    const lock = tryLock(folder)
    if (lock) return lock
    if (waited >= objectStoreLockWaitMsMax)
      throw new DataFolderRefused(
        `${folder} is in use by another object store: stop that one, or choose another data folder`,
      )
    await delay(pollMs)
  }
}

export type OpenStore = Pick<Store, 'objects' | 'uploads'> & { readonly close: () => void }

/** Opens, and makes where there is none, the store in a folder that nobody else has open. Throws `DataFolderRefused`. */
export const openStore = async (dataDir: string, now: () => number): Promise<OpenStore> => {
  const root = resolve(dataDir)
  await mkdir(root, { recursive: true, mode: 0o700 })
  const lock = await lockFolder(root)
  try {
    const newId = () => randomBytes(16).toString('hex')
    const locked = createLocks()
    const disk = await openDisk(root, newId)
    const objects = await openObjects({ root, disk, locked, now })
    const uploads = await openUploads({ root, disk, locked, objects, newId, now })
    await uploads.sweep()
    const sweeping = setInterval(() => void uploads.sweep().catch(() => {}), objectStoreSweepMs)
    const close = () => {
      clearInterval(sweeping)
      lock.close()
    }
    return { objects, uploads, close }
  } catch (error) {
    lock.close()
    throw error
  }
}

import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { setTimeout as delay } from 'node:timers/promises'

/** Why a data folder cannot be used: a sentence for whoever started the store. */
export class DataFolderRefused extends Error {
  override readonly name = 'DataFolderRefused'
}

/** A folder that nobody else has open, until it is closed or the process ends. */
export type FolderLock = { readonly close: () => void }

const pollMs = 50

/** An exclusive SQLite lock on a file of its own: the operating system ends it with the process, however that ends. */
const tryLock = (folder: string): FolderLock | undefined => {
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

/** Waits for whoever has the folder open, so long at most. Throws `DataFolderRefused`. */
export const lockFolder = async (
  folder: string,
  { what, waitMsMax }: { readonly what: string; readonly waitMsMax: number },
): Promise<FolderLock> => {
  for (let waited = 0; ; waited += pollMs) {
    const lock = tryLock(folder)
    if (lock) return lock
    if (waited >= waitMsMax)
      throw new DataFolderRefused(
        `${folder} is in use by another ${what}: stop that one, or choose another data folder`,
      )
    await delay(pollMs)
  }
}

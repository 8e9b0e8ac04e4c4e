import { randomBytes } from 'node:crypto'
import { mkdir } from 'node:fs/promises'
import { resolve } from 'node:path'
import { objectStoreLockWaitMsMax, objectStoreSweepMs } from '../../../protocol/limits-embedded.ts'
import { lockFolder } from '../data-folder.ts'
import type { Store } from './call.ts'
import { openDisk } from './disk.ts'
import { createLocks } from './locks.ts'
import { openObjects } from './objects.ts'
import { openUploads } from './uploads.ts'

export type OpenStore = Pick<Store, 'objects' | 'uploads'> & { readonly close: () => void }

/** Opens, and makes where there is none, the store in a folder that nobody else has open. Throws `DataFolderRefused`. */
export const openStore = async (dataDir: string, now: () => number): Promise<OpenStore> => {
  const root = resolve(dataDir)
  await mkdir(root, { recursive: true, mode: 0o700 })
  const lock = await lockFolder(root, {
    what: 'object store',
    waitMsMax: objectStoreLockWaitMsMax,
  })
  try {
    const newId = () => randomBytes(16).toString('hex')
    const locked = createLocks()
    const disk = await openDisk(root)
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

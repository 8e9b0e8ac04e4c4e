import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { backup, DatabaseSync } from 'node:sqlite'

/** What stands in the way of a backup or a verification: a sentence. */
export class FileRefused extends Error {
  override readonly name = 'FileRefused'
}

// All pages in one step: one snapshot, though the store goes on writing.
const allPages = 2_147_483_647

export const eventsFile = (folder: string): string => join(folder, 'events.db')

/**
 * Copies the log in a folder into a file of its own, as of one moment, while a store may be running on it: SQLite's backup.
 * Throws `FileRefused`.
 */
export const backUp = async (folder: string, file: string): Promise<{ bytes: number }> => {
  const source = eventsFile(folder)
  if (!existsSync(source)) throw new FileRefused(`there is no event store in ${folder}`)
  if (existsSync(file)) throw new FileRefused(`${file} exists: name a new file`)
  const db = new DatabaseSync(source, { readOnly: true, timeout: 10_000 })
  try {
    await backup(db, file, { rate: allPages })
  } catch (error) {
    const { message } = error as Error
    throw new FileRefused(`${source} cannot be copied into ${file}: ${message}`, { cause: error })
  } finally {
    db.close()
  }
  const copy = new DatabaseSync(file)
  try {
    // One file, without a log beside it.
    copy.exec('pragma journal_mode = delete')
    const { page_count: pages } = copy.prepare('pragma page_count').get() ?? {}
    const { page_size: size } = copy.prepare('pragma page_size').get() ?? {}
    return { bytes: Number(pages) * Number(size) }
  } finally {
    copy.close()
  }
}

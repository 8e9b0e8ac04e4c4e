import { randomBytes } from 'node:crypto'
import { mkdir, open, readFile, rename, rm, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { DataFolderRefused } from '../data-folder.ts'
import type { Credentials } from './authenticate.ts'

const othersBits = 0o077
const fileIn = (folder: string) => join(folder, 'credentials.json')

const keysIn = (text: string): Credentials | undefined => {
  try {
    const { access_key_id: accessKeyId, secret_access_key: secretAccessKey } = JSON.parse(text)
    const areKeys = typeof accessKeyId === 'string' && typeof secretAccessKey === 'string'
    return areKeys ? { accessKeyId, secretAccessKey } : undefined
  } catch {
    return undefined
  }
}

const readKept = async (file: string): Promise<Credentials | undefined> => {
  const { mode } = (await stat(file).catch(() => undefined)) ?? {}
  if (mode === undefined) return undefined
  if ((mode & othersBits) !== 0)
    throw new DataFolderRefused(
      `${file} can be read by others: chmod 600 it, or remove it for new keys`,
    )
  const kept = keysIn(await readFile(file, 'utf8'))
  if (kept) return kept
  throw new DataFolderRefused(`${file} holds no keys: remove it for new ones`)
}

/**
 * The keys of the store in that folder: made once, kept in `credentials.json` (0600). Throws `DataFolderRefused` where others could read
 * them.
 */
export const keptCredentials = async (folder: string): Promise<Credentials> => {
  await mkdir(folder, { recursive: true, mode: 0o700 })
  const file = fileIn(folder)
  const kept = await readKept(file)
  if (kept) return kept
  const made = {
    accessKeyId: `LAPEL${randomBytes(8).toString('hex').toUpperCase()}`,
    secretAccessKey: randomBytes(30).toString('base64url'),
  }
  const { accessKeyId: access_key_id, secretAccessKey: secret_access_key } = made
  const text = `${JSON.stringify({ access_key_id, secret_access_key }, null, 2)}\n`
  const temporary = `${file}.${process.pid}`
  try {
    await writeFile(temporary, text, { mode: 0o600, flag: 'wx', flush: true })
    await rename(temporary, file)
  } finally {
    await rm(temporary, { force: true })
  }
  const handle = await open(folder, 'r')
  await handle.sync().finally(() => handle.close())
  return made
}

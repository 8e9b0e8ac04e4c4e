import { randomBytes } from 'node:crypto'
import { mkdir, open, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { setTimeout as delay } from 'node:timers/promises'
import { z } from 'zod'
import { dataDirWaitMsMax } from '../protocol/limits.ts'

const pollMs = 100

/** `$LAPEL_DATA/node.json`: what the CLI needs to find and speak to the running node. */
const nodeFile = z.object({
  pid: z.int().positive(),
  version: z.string(),
  http: z.string(),
  mqtt: z.string(),
  mqtts: z.string().nullish(),
  mqtt_ws: z.string().nullish(),
  /** Bearer for this start, taken from loopback only. */
  admin: z.string(),
  eventstore_url: z.string().nullable(),
  database_url: z.string().nullable(),
  s3_endpoint: z.string().nullable(),
})
export type NodeFile = Readonly<z.infer<typeof nodeFile>>

export type DataDir = {
  /** Absolute. */
  readonly path: string
  /** A folder inside, made 0700 when it is not there. */
  folder(name: string): Promise<string>
  writeNode(node: NodeFile): Promise<void>
  /** Removes node.json and gives the folder free. May be called twice. */
  release(): Promise<void>
}

export type LockedDataDir =
  | { readonly kind: 'locked'; readonly dataDir: DataDir }
  | { readonly kind: 'refused'; readonly because: string }

export type FoundNode =
  | { readonly kind: 'running'; readonly node: NodeFile }
  /** No node.json, or one that a killed node left behind. */
  | { readonly kind: 'stopped'; readonly stalePid?: number }
  | { readonly kind: 'unreadable'; readonly because: string }

const lockFile = (path: string) => join(path, 'lock.db')
const pidFile = (path: string) => join(path, 'lock.pid')
const nodePath = (path: string) => join(path, 'node.json')

/**
 * An exclusive SQLite transaction that is never ended: a lock of the operating system that dies with the
 * process, however that ends. Undefined: another holds it.
 */
const tryLock = (path: string): DatabaseSync | undefined => {
  const database = new DatabaseSync(lockFile(path), { timeout: 0 })
  try {
    database.exec('PRAGMA locking_mode=EXCLUSIVE; BEGIN EXCLUSIVE')
    return database
  } catch (error) {
    database.close()
    if (/locked|busy/.test((error as Error).message)) return undefined
    throw error
  }
}

const syncFolder = async (path: string) => {
  const handle = await open(path, 'r')
  await handle.sync().finally(() => handle.close())
}

const writePrivate = async (file: string, text: string) => {
  const made = `${file}.${randomBytes(6).toString('hex')}`
  try {
    await writeFile(made, text, { mode: 0o600, flag: 'wx', flush: true })
    await rename(made, file)
  } finally {
    await rm(made, { force: true })
  }
}

const opened = (path: string, lock: DatabaseSync): DataDir => {
  let released = false
  return {
    path,
    folder: async (name) => {
      await mkdir(join(path, name), { recursive: true, mode: 0o700 })
      return join(path, name)
    },
    writeNode: async (node) => {
      await writePrivate(nodePath(path), `${JSON.stringify(nodeFile.parse(node), null, 2)}\n`)
      await syncFolder(path)
    },
    release: async () => {
      if (released) return
      released = true
      await rm(nodePath(path), { force: true })
      await rm(pidFile(path), { force: true })
      lock.close()
    },
  }
}

const holderOf = async (path: string): Promise<string> => {
  const pid = (await readFile(pidFile(path), 'utf8').catch(() => '')).trim()
  return /^\d+$/.test(pid) ? `the process ${pid}` : 'another process'
}

/**
 * Makes the data directory where there is none and takes it for this process alone. Waits a while for one
 * that is about to end (a restart, an orphan).
 */
export const lockDataDir = async (
  path: string,
  { waitMsMax = dataDirWaitMsMax }: { readonly waitMsMax?: number } = {},
): Promise<LockedDataDir> => {
  const deadline = performance.now() + waitMsMax
  try {
    await mkdir(path, { recursive: true, mode: 0o700 })
    for (;;) {
      const lock = tryLock(path)
      if (lock) {
        await writePrivate(pidFile(path), `${process.pid}\n`)
        await rm(nodePath(path), { force: true }) // left by a node that was killed
        return { kind: 'locked', dataDir: opened(path, lock) }
      }
      if (performance.now() >= deadline) break
      await delay(pollMs)
    }
  } catch (error) {
    return { kind: 'refused', because: `${path} (LAPEL_DATA): ${(error as Error).message}` }
  }
  const because = `${path} (LAPEL_DATA) is in use by ${await holderOf(path)}: stop it, or set LAPEL_DATA to another folder`
  return { kind: 'refused', because }
}

const isLocked = (path: string): boolean => {
  const lock = tryLock(path)
  lock?.close()
  return lock === undefined
}

const parseNode = (text: string): NodeFile | undefined => {
  try {
    return nodeFile.parse(JSON.parse(text))
  } catch {
    return undefined
  }
}

/** The node that runs on that data directory, found by its node.json and its lock: a pid alone may be another's by now. */
export const findNode = async (path: string): Promise<FoundNode> => {
  try {
    const node = parseNode(await readFile(nodePath(path), 'utf8'))
    if (!node) return { kind: 'unreadable', because: `${nodePath(path)} is not what a node writes` }
    return isLocked(path) ? { kind: 'running', node } : { kind: 'stopped', stalePid: node.pid }
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException
    if (code === 'ENOENT' || code === 'ENOTDIR') return { kind: 'stopped' }
    return { kind: 'unreadable', because: message }
  }
}

import { randomBytes } from 'node:crypto'
import { chown, mkdtemp, open, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Binaries } from './binaries.ts'
import { asCommand, type RunAs } from './run-as.ts'
import { runCommand } from './run-command.ts'
import { PostgresUnavailable } from './unavailable.ts'

/** The superuser and its database. */
export const role = 'lapel'
export const database = 'lapel'

const initPrefix = 'initdb-'

/** The bytes of the folder's entries are on disk, too: a rename that a power cut cannot undo. */
const syncFolder = async (folder: string) => {
  const handle = await open(folder, 'r')
  await handle.sync().finally(() => handle.close())
}

/** The password beside the cluster, 0600; made once, complete or not at all. */
const readOrMakePassword = async (file: string, hasCluster: boolean): Promise<string> => {
  const kept = await readFile(file, 'utf8').catch(() => undefined)
  if (kept?.trim()) return kept.trim()
  if (hasCluster)
    throw new PostgresUnavailable(`${file}, the password of the cluster beside it, is gone`)
  const password = randomBytes(24).toString('hex')
  await writeFile(`${file}.new`, `${password}\n`, { mode: 0o600, flush: true })
  await rename(`${file}.new`, file)
  return password
}

/** Builtin C.UTF-8 (17 and newer) needs no locale of the system, sorts by bytes and knows Unicode's cases. */
const localeArgs = (major: number) =>
  major >= 17 ? ['--locale-provider=builtin', '--locale=C.UTF-8'] : ['--no-locale']

const succeed = async (what: string, runAs: RunAs, command: readonly string[], input = '') => {
  const [program = '', ...args] = command
  const { code, output } = await runCommand({ ...asCommand(runAs, program, args), input })
  if (code !== 0) throw new PostgresUnavailable(`${what} failed: ${output.trim()}`)
}

const chownAll = async (path: string, { uid, gid }: { uid: number; gid: number }) => {
  await chown(path, uid, gid)
  const entries = await readdir(path, { recursive: true, withFileTypes: true }).catch(() => [])
  for (const entry of entries) await chown(join(entry.parentPath, entry.name), uid, gid)
}

const makeCluster = async (dataDir: string, binaries: Binaries, runAs: RunAs, password: string) => {
  // In a folder of its own, renamed when complete: an initdb that was killed leaves nothing that a
  // later start could take for a cluster.
  const half = await mkdtemp(join(dataDir, initPrefix))
  const pwfile = join(half, 'password')
  const cluster = join(half, 'cluster')
  await writeFile(pwfile, `${password}\n`, { mode: 0o600 })
  if (runAs.kind === 'user') await chownAll(half, runAs)
  await succeed('initdb', runAs, [
    binaries.initdb,
    `--pgdata=${cluster}`,
    `--username=${role}`,
    `--pwfile=${pwfile}`,
    '--auth=scram-sha-256',
    '--encoding=UTF8',
    ...localeArgs(binaries.major),
  ])
  await succeed(
    'making the database',
    runAs,
    [binaries.postgres, '--single', '-D', cluster, 'template1'],
    `CREATE DATABASE ${database};\n`,
  )
  await rename(cluster, join(dataDir, 'cluster'))
  await syncFolder(dataDir)
  await rm(half, { recursive: true, force: true })
}

/** The major version that made the cluster; undefined when there is none. */
export const readClusterMajor = async (cluster: string): Promise<number | undefined> => {
  const text = await readFile(join(cluster, 'PG_VERSION'), 'utf8').catch(() => undefined)
  return text === undefined ? undefined : Number(text)
}

/** Sees to it that there is a cluster, with the database in it. Gives the password. */
export const initialise = async (
  dataDir: string,
  binaries: Binaries,
  runAs: RunAs,
): Promise<string> => {
  const cluster = join(dataDir, 'cluster')
  const hasCluster = (await readClusterMajor(cluster)) !== undefined
  const password = await readOrMakePassword(join(dataDir, 'password'), hasCluster)
  for (const entry of await readdir(dataDir))
    if (entry.startsWith(initPrefix))
      await rm(join(dataDir, entry), { recursive: true, force: true, maxRetries: 10 })
  if (!hasCluster) await makeCluster(dataDir, binaries, runAs, password)
  if (hasCluster && runAs.kind === 'user') await chownAll(cluster, runAs)
  return password
}

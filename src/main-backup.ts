import { constants, readFileSync } from 'node:fs'
import {
  chmod,
  copyFile,
  mkdir,
  open,
  readdir,
  readFile,
  rename,
  rm,
  writeFile,
} from 'node:fs/promises'
import { basename, dirname, join, relative } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { pipeline } from 'node:stream/promises'
import pg from 'pg'
import { to as copyTo } from 'pg-copy-streams'
import type { Config } from './config.ts'
import type { NodeFile } from './config-data-dir.ts'
import {
  BackupRefused,
  eventsCopy,
  type FileSum,
  type Manifest,
  manifestFile,
  objectsCopy,
  secretsCopy,
  sumOf,
  sync,
  tableCopy,
} from './main-backup-files.ts'

const { version }: { version: string } = JSON.parse(
  readFileSync(new URL('../package.json', import.meta.url), 'utf8'),
)

export type Backup = {
  readonly dir: string
  readonly position: string | null
  readonly files: number
  readonly bytes: number
  readonly seconds: number
}

/** Every table of Lapel's that no rebuild makes anew. */
const keptTables = `
  select n.nspname as schema, c.relname as table from pg_class c join pg_namespace n on n.oid = c.relnamespace
  where c.relkind in ('r', 'p') and not c.relispartition and n.nspname not in ('live', 'rebuilt', 'public', 'information_schema')
    and n.nspname !~ '^pg_' order by 1, 2`

/**
 * The log as of one commit. The copy is made in one read transaction, so that writers go on meanwhile.
 * Returns its last position; `null` for an empty log.
 */
const copyEvents = (source: string, target: string): string | null => {
  const log = new DatabaseSync(source, { readOnly: true, timeout: 5_000 })
  try {
    log.prepare('vacuum into ?').run(target)
  } finally {
    log.close()
  }
  const copy = new DatabaseSync(target, { readOnly: true })
  try {
    const last = copy.prepare('select max(position) as position from events').get()
    return last?.['position'] === null ? null : String(last?.['position'])
  } finally {
    copy.close()
  }
}

const copyTables = async (databaseUrl: string, folder: string): Promise<void> => {
  const client = new pg.Client({ connectionString: databaseUrl, application_name: 'lapel backup' })
  await client.connect()
  try {
    // One snapshot for all of them.
    await client.query('begin isolation level repeatable read read only')
    const { rows } = await client.query<{ schema: string; table: string }>(keptTables)
    for (const { schema, table } of rows) {
      const file = await open(join(folder, tableCopy(schema, table)), 'wx', 0o600)
      const rowsOut = client.query(copyTo(`copy ${schema}.${table} to stdout`))
      await pipeline(rowsOut, file.createWriteStream())
    }
    await client.query('commit')
  } finally {
    await client.end()
  }
}

/**
 * The objects: each file is whole from the moment it is there and never changes, so that copying them one by one is enough. One that is
 * removed meanwhile is left out. Uploads that are under way are not copied.
 */
const copyObjects = async (source: string, target: string): Promise<void> => {
  await mkdir(target, { mode: 0o700 })
  for (const entry of await readdir(source, { withFileTypes: true }).catch(() => [])) {
    const [from, to] = [join(source, entry.name), join(target, entry.name)]
    if (entry.isDirectory()) await copyObjects(from, to)
    else
      await copyFile(from, to, constants.COPYFILE_FICLONE).catch((error: unknown) => {
        if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error
      })
  }
}

const copyObjectStore = async (source: string, folder: string): Promise<void> => {
  const target = join(folder, objectsCopy)
  await mkdir(target, { mode: 0o700 })
  await copyObjects(join(source, 'buckets'), join(target, 'buckets'))
  await copyFile(join(source, 'credentials.json'), join(target, 'credentials.json'))
}

const summed = async (folder: string): Promise<Record<string, FileSum>> => {
  const sums: Record<string, FileSum> = {}
  const entries = await readdir(folder, { recursive: true, withFileTypes: true })
  const paths = entries.map(({ parentPath, name }) => join(parentPath, name))
  for (const [at, path] of paths.entries()) {
    if (entries[at]?.isDirectory()) {
      await sync(path)
      continue
    }
    await chmod(path, 0o600)
    await sync(path)
    sums[relative(folder, path)] = await sumOf(path)
  }
  return sums
}

/**
 * In this order: a subject's key is in the vault before the first event that uses it is in the log, so a vault that is copied after the
 * log opens all of it, and an object is in its store before the log says so. The secrets are read on both sides, so that no change of
 * theirs falls between.
 */
const copyAll = async (config: Config, node: NodeFile, folder: string): Promise<string | null> => {
  const secrets = await readFile(config.secretsFile)
  const isEmbedded = config.eventStoreUrl === undefined
  const events = join(config.dataDir, 'eventstore', 'events.db')
  const position = isEmbedded ? copyEvents(events, join(folder, eventsCopy)) : null
  if (node.database_url === null) throw new BackupRefused('the running node names no Postgres')
  await copyTables(node.database_url, folder)
  if (!config.s3.elsewhere) await copyObjectStore(join(config.dataDir, 'objects'), folder)
  if (!secrets.equals(await readFile(config.secretsFile)))
    throw new BackupRefused('the secrets file was changed meanwhile: run it again')
  await writeFile(join(folder, secretsCopy), secrets, { mode: 0o600, flag: 'wx' })
  return position
}

/**
 * Copies all that only Lapel holds while its node runs: secrets, vault, the embedded event store as it is at one position of the log,
 * and the embedded object store. `dir` is made, and is whole or not there. Throws `BackupRefused`.
 */
export const backUp = async (config: Config, node: NodeFile, dir: string): Promise<Backup> => {
  const started = performance.now()
  if ((await readdir(dir).catch(() => [])).length > 0)
    throw new BackupRefused(`${dir} is not empty: name a folder that is not there yet`)
  const partial = join(dirname(dir), `.${basename(dir)}.partial-${process.pid}`)
  await mkdir(partial, { recursive: true, mode: 0o700 })
  try {
    const position = await copyAll(config, node, partial)
    const files = await summed(partial)
    const manifest: Manifest = {
      format: 1,
      lapel: version,
      made_at: new Date().toISOString(),
      position,
      event_store: config.eventStoreUrl === undefined ? 'embedded' : 'elsewhere',
      object_store: config.s3.elsewhere ? 'elsewhere' : 'embedded',
      files,
    }
    const manifestPath = join(partial, manifestFile)
    await writeFile(manifestPath, `${JSON.stringify(manifest, null, 2)}\n`, { mode: 0o600 })
    await sync(manifestPath)
    await sync(partial)
    await rm(dir, { recursive: true, force: true })
    await rename(partial, dir)
    await sync(dirname(dir))
    const bytes = Object.values(files).reduce((sum, file) => sum + file.bytes, 0)
    const seconds = (performance.now() - started) / 1_000
    return { dir, position, files: Object.keys(files).length, bytes, seconds }
  } catch (error) {
    await rm(partial, { recursive: true, force: true })
    throw error
  }
}

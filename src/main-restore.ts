import { createReadStream, existsSync } from 'node:fs'
import { chmod, copyFile, mkdir } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { pipeline } from 'node:stream/promises'
import pg from 'pg'
import { from as copyFrom } from 'pg-copy-streams'
import type { Config } from './config.ts'
import { lockDataDir } from './config-data-dir.ts'
import {
  BackupRefused,
  checkedManifest,
  eventsCopy,
  isObjectCopy,
  type Manifest,
  secretsCopy,
  sync,
  tableOfCopy,
} from './main-backup-files.ts'
import { startPostgresFor } from './main-services.ts'
import { migrate } from './projecting/migrate.ts'
import type { Log } from './store/log.ts'

export type Restored = {
  readonly position: string | null
  /** Rows that were copied back into Postgres. */
  readonly rows: number
  readonly seconds: number
}

const bucketsFolder = ({ dataDir }: Config) => join(dataDir, 'objects', 'buckets')
const eventsFile = ({ dataDir }: Config) => join(dataDir, 'eventstore', 'events.db')

const checkTarget = (config: Config, manifest: Manifest): void => {
  for (const file of [config.secretsFile, eventsFile(config), bucketsFolder(config)])
    if (existsSync(file))
      throw new BackupRefused(
        `${file} is there already: a back-up is restored where nothing is yet`,
      )
  const wantsEmbedded = manifest.event_store === 'embedded'
  if (wantsEmbedded && config.eventStoreUrl !== undefined)
    throw new BackupRefused(
      'the back-up holds the log of an embedded event store, and EVENTSTORE_URL names another: unset it',
    )
  if (!wantsEmbedded && config.eventStoreUrl === undefined)
    throw new BackupRefused(
      'the back-up holds no log, which its event store keeps: set EVENTSTORE_URL to it',
    )
}

/** A back-up that was made before there were objects goes with either. */
const checkObjects = ({ s3 }: Config, { object_store: kept }: Manifest): void => {
  if (kept === 'embedded' && s3.elsewhere)
    throw new BackupRefused(
      'the back-up holds the objects of an embedded object store, and S3_ENDPOINT names another: unset it',
    )
  if (kept === 'elsewhere' && !s3.elsewhere)
    throw new BackupRefused(
      'the back-up holds no objects, which its object store keeps: set S3_ENDPOINT to it',
    )
}

const place = async (source: string, target: string): Promise<void> => {
  await mkdir(dirname(target), { recursive: true, mode: 0o700 })
  await copyFile(source, target)
  await chmod(target, 0o600)
  await sync(target)
}

/** Refused where anything was folded or kept before. */
const checkEmpty = async (client: pg.PoolClient, tables: readonly string[]): Promise<void> => {
  for (const table of [...tables, 'live.checkpoints']) {
    const { rowCount } = await client.query(`select from ${table} limit 1`)
    if (rowCount !== 0)
      throw new BackupRefused(
        `the database has rows in ${table} already: name an empty one (DATABASE_URL)`,
      )
  }
}

const copyBack = async (pool: pg.Pool, dir: string, files: readonly string[]): Promise<number> => {
  const copies = files.flatMap((file) => {
    const found = tableOfCopy(file)
    return found ? [{ file, table: `${found.schema}.${found.table}` }] : []
  })
  const client = await pool.connect()
  try {
    await client.query('begin')
    await checkEmpty(
      client,
      copies.map(({ table }) => table),
    )
    let rows = 0
    for (const { file, table } of copies) {
      const rowsIn = client.query(copyFrom(`copy ${table} from stdin`))
      await pipeline(createReadStream(join(dir, file)), rowsIn)
      rows += rowsIn.rowCount
    }
    await client.query('commit')
    return rows
  } catch (error) {
    await client.query('rollback').catch(() => {})
    throw error
  } finally {
    client.release()
  }
}

const restoreTables = async (config: Config, dir: string, log: Log, files: readonly string[]) => {
  const locked = await lockDataDir(config.dataDir)
  if (locked.kind === 'refused') throw new BackupRefused(locked.because)
  await using closing = new AsyncDisposableStack()
  closing.defer(locked.dataDir.release)
  const url = await startPostgresFor(config, locked.dataDir, log, closing)
  const pool = new pg.Pool({ connectionString: url, max: 2, application_name: 'lapel restore' })
  // The server ends right after its last connection, which may hear of it.
  pool.on('error', () => {})
  closing.defer(() => pool.end())
  await migrate(pool)
  return await copyBack(pool, dir, files)
}

/**
 * Puts a back-up where nothing is yet: into `LAPEL_DATA` and into an empty database. The read models are folded from the log when the
 * node starts. The secrets come last: without them no node starts on half of it. Throws `BackupRefused`.
 */
export const restore = async (config: Config, dir: string, log: Log): Promise<Restored> => {
  const started = performance.now()
  const manifest = await checkedManifest(dir)
  checkTarget(config, manifest)
  checkObjects(config, manifest)
  const rows = await restoreTables(config, dir, log, Object.keys(manifest.files))
  if (manifest.event_store === 'embedded') await place(join(dir, eventsCopy), eventsFile(config))
  for (const file of Object.keys(manifest.files).filter(isObjectCopy))
    await place(join(dir, file), join(config.dataDir, file))
  await place(join(dir, secretsCopy), config.secretsFile)
  return { position: manifest.position, rows, seconds: (performance.now() - started) / 1_000 }
}

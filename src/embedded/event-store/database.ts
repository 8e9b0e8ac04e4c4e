import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { setTimeout as delay } from 'node:timers/promises'
import { eventStoreLockWaitMsMax } from '../../../protocol/limits-embedded.ts'

/** What makes each format of the file out of the one before it; the first makes it out of nothing. None of them ever changes. */
const migrations = [
  `create table streams (
     id integer primary key,
     name text not null unique
   );
   create table events (
     position integer primary key,
     stream integer not null references streams (id),
     revision integer not null,
     id blob not null,
     type text not null,
     content_type text not null,
     ticks integer not null,
     data blob not null,
     metadata blob not null
   );
   create unique index events_of_stream on events (stream, revision);`,
  `alter table events rename column ticks to created_ms;
   create index tombstones on events (stream) where revision = -2;
   create table state (name text primary key, value integer not null) without rowid;`,
]
/** A newer one is refused. */
const formatVersion = migrations.length

/** Why the data folder cannot be used: a sentence for whoever started it. */
export class DataFolderRefused extends Error {
  override readonly name = 'DataFolderRefused'
}

/** The one error of the disk after which the store can go on: nothing was written. */
export const isDiskFull = (error: unknown): boolean =>
  /disk is full|SQLITE_FULL|ENOSPC/i.test(String((error as Error)?.message ?? error))

export type Databases = {
  readonly writer: DatabaseSync
  /** A connection of its own: readers never wait for the writer (WAL). */
  readonly reader: DatabaseSync
  readonly close: () => void
}

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
  const pollMs = 50
  for (let waited = 0; ; waited += pollMs) {
    const lock = tryLock(folder)
    if (lock) return lock
    if (waited >= eventStoreLockWaitMsMax)
      throw new DataFolderRefused(
        `${folder} is in use by another event store: stop that one, or choose another data folder`,
      )
    await delay(pollMs)
  }
}

const openWriter = (file: string): DatabaseSync => {
  // That a stream exists is seen to here; SQLite would look it up again for every event.
  const writer = new DatabaseSync(file, { enableForeignKeyConstraints: false })
  writer.exec(
    'pragma page_size = 8192; pragma auto_vacuum = incremental; pragma journal_mode = wal',
  )
  // Every COMMIT returns after an fsync.
  writer.exec(
    'pragma synchronous = full; pragma wal_autocheckpoint = 2000; pragma cache_size = -16384; pragma journal_size_limit = 67108864',
  )
  if (process.platform === 'darwin') writer.exec('pragma fullfsync = 1')
  return writer
}

const migrate = (writer: DatabaseSync, file: string): void => {
  const found = Number(writer.prepare('pragma user_version').get()?.['user_version'] ?? 0)
  if (found > formatVersion)
    throw new DataFolderRefused(
      `${file} has format ${found}, and this version reads up to ${formatVersion}: start the newer Lapel that wrote it`,
    )
  if (found === formatVersion) return
  writer.exec('begin immediate')
  for (const migration of migrations.slice(found)) writer.exec(migration)
  writer.exec(`pragma user_version = ${formatVersion}`)
  writer.exec('commit')
}

/** Opens, and makes where there is none, the event store in a folder that nobody else has open. Throws `DataFolderRefused`. */
export const openDatabases = async (folder: string): Promise<Databases> => {
  mkdirSync(folder, { recursive: true, mode: 0o700 })
  const lock = await lockFolder(folder)
  const file = join(folder, 'events.db')
  try {
    const writer = openWriter(file)
    migrate(writer, file)
    const reader = new DatabaseSync(file, { readOnly: true, timeout: 5_000 })
    reader.exec('pragma cache_size = -16384')
    const close = () => {
      reader.close()
      writer.close()
      lock.close()
    }
    return { writer, reader, close }
  } catch (error) {
    lock.close()
    throw error
  }
}

import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { eventStoreLockWaitMsMax } from '../../../protocol/limits-embedded.ts'
import { DataFolderRefused, type FolderLock, lockFolder } from '../data-folder.ts'

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

/** The one error of the disk after which the store can go on: nothing was written. */
export const isDiskFull = (error: unknown): boolean =>
  /disk is full|SQLITE_FULL|ENOSPC/i.test(String((error as Error)?.message ?? error))

export type Databases = {
  readonly writer: DatabaseSync
  /** A connection of its own: readers never wait for the writer (WAL). */
  readonly reader: DatabaseSync
  readonly close: () => void
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

const open = (file: string, lock: FolderLock): Databases => {
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
}

// SQLITE_CORRUPT, SQLITE_NOTADB.
const damage = new Set([11, 26])

const explained = (error: unknown, file: string): unknown =>
  damage.has((error as { errcode?: number }).errcode ?? 0)
    ? new DataFolderRefused(
        `${file} is damaged, or no event store's (${(error as Error).message}): put a backup in its place, or choose another data folder`,
      )
    : error

/** Opens, and makes where there is none, the event store in a folder that nobody else has open. Throws `DataFolderRefused`. */
export const openDatabases = async (folder: string): Promise<Databases> => {
  mkdirSync(folder, { recursive: true, mode: 0o700 })
  const lock = await lockFolder(folder, {
    what: 'event store',
    waitMsMax: eventStoreLockWaitMsMax,
  })
  const file = join(folder, 'events.db')
  try {
    return open(file, lock)
  } catch (error) {
    lock.close()
    throw explained(error, file)
  }
}

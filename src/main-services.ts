import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Config } from './config.ts'
import type { DataDir } from './config-data-dir.ts'
import { superviseChild } from './embedded/child-process.ts'
import { keptPort } from './embedded/kept-port.ts'
import { startPostgres } from './embedded/postgres/start-postgres.ts'
import type { Log } from './store/log.ts'

/** Where the two databases are, embedded or not. */
export type Services = {
  readonly eventStoreUrl: string
  readonly databaseUrl: string
}

const eventStoreMain = fileURLToPath(new URL('./embedded/event-store/main.ts', import.meta.url))

const startEventStore = async (
  folder: string,
  log: Log,
  closing: AsyncDisposableStack,
): Promise<string> => {
  const port = await keptPort(join(folder, 'port'))
  const child = await superviseChild({
    name: 'event store',
    command: process.execPath,
    args: [eventStoreMain, '--data', folder, '--port', String(port), '--follow-stdin'],
    readyLine: /^ready (esdb:\S+)/,
    log,
  })
  closing.defer(child.stop)
  log.info(
    { port },
    'the embedded event store runs; it is for one machine and does not replicate (EVENTSTORE_URL names a cluster)',
  )
  return child.ready[1] ?? `esdb://127.0.0.1:${port}?tls=false`
}

const startDatabase = async (
  config: Config,
  folder: string,
  log: Log,
  closing: AsyncDisposableStack,
): Promise<string> => {
  const bin = config.pgBinDir === undefined ? {} : { pgBinDir: config.pgBinDir }
  const postgres = await startPostgres({ dataDir: folder, log, ...bin })
  closing.defer(postgres.stop)
  return postgres.url
}

/** Where Postgres is: the one that a variable names, or the embedded one, started. */
export const startPostgresFor = async (
  config: Config,
  dataDir: DataDir,
  log: Log,
  closing: AsyncDisposableStack,
): Promise<string> =>
  config.databaseUrl ??
  dataDir.folder('postgres').then((folder) => startDatabase(config, folder, log, closing))

/** Starts what no variable replaces. Both at once: neither needs the other. */
export const startServices = async (
  config: Config,
  dataDir: DataDir,
  log: Log,
  closing: AsyncDisposableStack,
): Promise<Services> => {
  const [eventStoreUrl, databaseUrl] = await Promise.all([
    config.eventStoreUrl ??
      dataDir.folder('eventstore').then((folder) => startEventStore(folder, log, closing)),
    startPostgresFor(config, dataDir, log, closing),
  ])
  return { eventStoreUrl, databaseUrl }
}

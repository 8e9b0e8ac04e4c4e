import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Config } from './config.ts'
import type { DataDir } from './config-data-dir.ts'
import { superviseChild } from './embedded/child-process.ts'
import { keptPort } from './embedded/kept-port.ts'
import { keptCredentials } from './embedded/object-store/credentials.ts'
import { startPostgres } from './embedded/postgres/start-postgres.ts'
import type { Log } from './store/log.ts'

/** Where the object store is, and what opens it. */
export type ObjectStoreService = {
  readonly endpoint: string
  readonly publicEndpoint: string
  readonly bucket: string
  readonly region: string
  readonly accessKeyId: string
  readonly secretAccessKey: string
  /** Of the embedded one, which is told there where its events go; undefined: the store is elsewhere. */
  readonly folder: string | undefined
}

/** Where the databases and the object store are, embedded or not. */
export type Services = {
  readonly eventStoreUrl: string
  readonly databaseUrl: string
  readonly objectStore: ObjectStoreService
}

const eventStoreMain = fileURLToPath(new URL('./embedded/event-store/main.ts', import.meta.url))

const objectStoreMain = fileURLToPath(new URL('./embedded/object-store/main.ts', import.meta.url))

/**
 * Bodies pass through buffers that die young, but count against the old space: with its first size (some MB) every ninth megabyte of them
 * brings a full collection, a fifth of the CPU of a PUT.
 */
const roomForBodies = '--initial-old-space-size=128'

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

const startObjectStore = async (
  { s3 }: Config,
  folder: string,
  log: Log,
  closing: AsyncDisposableStack,
): Promise<ObjectStoreService> => {
  const port = await keptPort(join(folder, 'port'))
  const credentials = await keptCredentials(folder)
  const place = ['--data', folder, '--port', String(port), '--region', s3.region]
  const child = await superviseChild({
    name: 'object store',
    command: process.execPath,
    args: [roomForBodies, objectStoreMain, ...place, '--follow-stdin'],
    readyLine: /^ready (http:\S+)/,
    log,
  })
  closing.defer(child.stop)
  log.info(
    { port },
    'the embedded object store runs; it is for one machine and does not replicate (S3_ENDPOINT names another)',
  )
  const endpoint = child.ready[1] ?? `http://127.0.0.1:${port}`
  return { ...s3, ...credentials, endpoint, publicEndpoint: s3.publicEndpoint ?? endpoint, folder }
}

/** Where the object store is: the one that a variable names, or the embedded one, started. */
const startObjectStoreFor = async (
  config: Config,
  dataDir: DataDir,
  log: Log,
  closing: AsyncDisposableStack,
): Promise<ObjectStoreService> => {
  const { s3 } = config
  if (!s3.elsewhere) return startObjectStore(config, await dataDir.folder('objects'), log, closing)
  const publicEndpoint = s3.publicEndpoint ?? s3.elsewhere.endpoint
  return { ...s3, ...s3.elsewhere, publicEndpoint, folder: undefined }
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

/** Starts what no variable replaces. All at once: none needs another. */
export const startServices = async (
  config: Config,
  dataDir: DataDir,
  log: Log,
  closing: AsyncDisposableStack,
): Promise<Services> => {
  const [eventStoreUrl, databaseUrl, objectStore] = await Promise.all([
    config.eventStoreUrl ??
      dataDir.folder('eventstore').then((folder) => startEventStore(folder, log, closing)),
    startPostgresFor(config, dataDir, log, closing),
    startObjectStoreFor(config, dataDir, log, closing),
  ])
  return { eventStoreUrl, databaseUrl, objectStore }
}

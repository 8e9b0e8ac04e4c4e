import { randomBytes, randomUUID } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { allProjections } from '../projections/all.ts'
import { objectStoreHealthMsMax } from '../protocol/limits.ts'
import { postgresHealthMsMax } from '../protocol/limits-postgres.ts'
import { openAuth } from './auth/open-auth.ts'
import type { Config } from './config.ts'
import { type DataDir, lockDataDir } from './config-data-dir.ts'
import { addressText } from './config-parsers.ts'
import { loadSecrets } from './config-secrets.ts'
import { startHttp } from './http/start-http.ts'
import { openIngest } from './ingest/ingest.ts'
import { openBytes } from './main-bytes.ts'
import { explained } from './main-explained.ts'
import {
  isFirstStart,
  printFirstKey,
  publishSigningKeys,
  refuseForeignLog,
  StartRefused,
} from './main-first-start.ts'
import { healthReport } from './main-health.ts'
import { createMetrics } from './main-metrics.ts'
import { bootWindows, mqttAddresses, mqttWays, reloadCertificate } from './main-mqtt.ts'
import { type ObjectsOptions, openObjects } from './main-objects.ts'
import { type Database, openDatabase } from './main-postgres.ts'
import { startProjectorThread } from './main-projector.ts'
import { createRandom } from './main-random.ts'
import { openRecordings, recordingGauges } from './main-recordings.ts'
import { type Services, startServices } from './main-services.ts'
import { eventStoreName, postgresName, whenUp } from './main-when-up.ts'
import { startBroker } from './mqtt/broker.ts'
import { heartbeatProjections } from './projecting/heartbeat-history.ts'
import { migrate } from './projecting/migrate.ts'
import { keepToOneLog } from './projecting/one-log.ts'
import { createProjector, followProgress } from './projecting/projector.ts'
import type { EventStore } from './store/event-store.ts'
import { connectEventStore } from './store/eventstoredb.ts'
import type { Secrets } from './store/keyring.ts'
import { createLedger } from './store/ledger.ts'
import type { Log } from './store/log.ts'
import { signingKeyStream } from './store/streams.ts'
import { createVault } from './store/vault.ts'

const { version }: { version: string } = JSON.parse(
  readFileSync(new URL('../package.json', import.meta.url), 'utf8'),
)

export type StartOptions = {
  readonly log: Log
  /** Where the first key is shown, once. */
  readonly print?: (text: string) => void
  /** The way to the event store; another one than the real is a test's. */
  readonly connect?: (url: string) => EventStore
} & Pick<ObjectsOptions, 'connectObjects'>

export type Lapel = {
  readonly http: string
  readonly mqtt: string
  /** Reads the certificate anew, for who connects from now on; missing where there is none. */
  readonly reload: (() => Promise<void>) | undefined
  /** An orderly stop: no new work, what is under way is finished, everything closes in reverse. May be called again. */
  readonly stop: () => Promise<void>
}

const takeDataDir = async (config: Config, closing: AsyncDisposableStack): Promise<DataDir> => {
  const locked = await lockDataDir(config.dataDir)
  if (locked.kind === 'refused') throw new StartRefused(locked.because)
  closing.defer(locked.dataDir.release)
  return locked.dataDir
}

const takeSecrets = async (file: string): Promise<{ secrets: Secrets; created: boolean }> => {
  const loaded = await loadSecrets(file)
  if (loaded.kind === 'refused') throw new StartRefused(loaded.because)
  return loaded
}

/** Everything below the edges: the ledger, the vault, the read models, who may. */
const openCore = async (
  config: Config,
  services: Services,
  { log, connect = connectEventStore, connectObjects }: StartOptions,
  closing: AsyncDisposableStack,
) => {
  const { secrets, created } = await takeSecrets(config.secretsFile)
  const metrics = createMetrics()
  const store = connect(services.eventStoreUrl)
  closing.defer(store.close)
  const database: Database = openDatabase(services.databaseUrl, log, closing)
  await whenUp(postgresName, log, () => migrate(database.pool))
  const foreign = { file: config.secretsFile, created }
  await whenUp(eventStoreName, log, () => refuseForeignLog(store, foreign))
  const clocks = {
    now: Date.now,
    monotonic: () => performance.now(),
    random: createRandom(),
    newId: randomUUID,
  }
  const ledger = createLedger({ store, secrets, ...clocks })
  await whenUp(eventStoreName, log, () => publishSigningKeys(ledger, secrets))
  const [kid = ''] = secrets.signing.keys()
  const { pool } = database
  const logged = { pool, store, log, stream: signingKeyStream(kid) }
  await whenUp(postgresName, log, () => keepToOneLog(logged))
  const vault = createVault({ db: database.db, secrets, ...clocks })
  const { meter } = metrics
  const nodeObjects = openObjects(services.objectStore, { config, log, connectObjects }, closing)
  const { eventStoreUrl, databaseUrl } = services
  const data = {
    eventStoreUrl,
    databaseUrl,
    kek: [...secrets.kek],
    heartbeatDays: config.heartbeatDays,
  }
  const parts = { ledger, log, meter, ...clocks }
  const bytes = openBytes({ ...parts, ...nodeObjects, database }, config, closing)
  const thread = startProjectorThread({ data, log, meter })
  const { monotonic } = clocks
  const projector = createProjector({
    pool,
    monotonic,
    projections: allProjections,
    start: thread.models,
  })
  closing.defer(projector.close)
  const { progress: heartbeats } = followProgress({
    pool,
    monotonic,
    projections: heartbeatProjections,
    start: thread.heartbeats,
  })
  closing.defer(heartbeats.close)
  return {
    secrets,
    metrics,
    store,
    database,
    ledger,
    vault,
    projector,
    heartbeats,
    ...nodeObjects,
    ...openRecordings(
      { ...parts, ...nodeObjects, hint: bytes.hint, reads: database.reads, projector },
      closing,
    ),
    bytes,
    log,
    meter,
    ...clocks,
  }
}

type Core = Awaited<ReturnType<typeof openCore>>

/** The way in: credentials, observations, the broker and the API. */
const openEdges = async (config: Config, core: Core, closing: AsyncDisposableStack) => {
  const { database, metrics, projector, heartbeats, store, secrets } = core
  const serving = { now: false }
  const { db, spareDb } = database
  const auth = await whenUp(postgresName, core.log, () =>
    openAuth({ ...core, db, spareDb, version }),
  )
  closing.defer(auth.close)
  const ingest = openIngest({ ...core, store, lease: auth.lease })
  const broker = await startBroker({
    ...core,
    ...(await mqttWays(config)),
    auth,
    ingest,
    rates: { ...config.rates, liveNodes: auth.liveNodes },
    readWindow: bootWindows(db),
  })
  closing.defer(broker.close)
  const admin = randomBytes(32).toString('base64url')
  const health = () =>
    healthReport({
      version,
      auth,
      projectors: [projector, heartbeats],
      askPostgres: () => database.pool.query('select 1'),
      postgresMsMax: postgresHealthMsMax,
      askObjectStore: core.objects.check,
      objectStoreMsMax: objectStoreHealthMsMax,
      serving: () => serving.now,
    })
  metrics.gauge('mqtt_connections', broker.connected)
  metrics.gauge('mqtt_pending_bytes', broker.pendingBytes)
  metrics.gauge('ingest_pending_entries', ingest.pending)
  const gauges = recordingGauges(database.db, core.now)
  for (const [name, read] of Object.entries(gauges)) metrics.gauge(name, read)
  metrics.gauge('recordings_waiting', core.bytes.waiting)
  const listening = { port: config.http.port }
  const deps = {
    ...core,
    recordings: core.bytes,
    objectEventsToken: core.eventsToken,
    publicUrl: () =>
      config.publicUrl ?? `http://${addressText({ ...config.http, port: listening.port })}`,
    auth,
    ingest,
    reads: database.reads,
    shared: db,
    secrets,
    admin,
    health,
    metrics: { text: metrics.text },
    tokenGraceSeconds: config.tokenGraceSeconds,
    onlineWindowSeconds: config.onlineWindowSeconds,
    rates: { ...config.rates, liveNodes: auth.liveNodes },
    rebuild: projector.rebuild,
  }
  const http = await startHttp({ ...deps, ...config.http })
  listening.port = http.port
  closing.defer(http.close)
  await core.sendEventsTo({ ...config.http, port: http.port })
  return { auth, broker, http, admin, deps, serving }
}

const open = async (
  config: Config,
  options: StartOptions,
  closing: AsyncDisposableStack,
): Promise<Lapel> => {
  const { log } = options
  const dataDir = await takeDataDir(config, closing)
  const services = await startServices(config, dataDir, log, closing)
  const core = await openCore(config, services, options, closing)
  const { broker, http, admin, deps, serving } = await openEdges(config, core, closing)
  const addresses = {
    http: `http://${addressText({ ...config.http, port: http.port })}`,
    ...mqttAddresses(config, broker),
  }
  if (await whenUp(eventStoreName, log, () => isFirstStart(core.store)))
    await whenUp(eventStoreName, log, () => printFirstKey(deps, options.print))
  await dataDir.writeNode({
    pid: process.pid,
    version,
    ...addresses,
    admin,
    eventstore_url: services.eventStoreUrl,
    database_url: services.databaseUrl,
    s3_endpoint: services.objectStore.endpoint,
  })
  // Whoever waits for readiness finds node.json, and the first project.
  serving.now = true
  closing.defer(async () => {
    serving.now = false
  })
  log.info({ ...addresses, version }, 'Lapel serves')
  let stopping: Promise<void> | undefined
  const stop = () => {
    stopping ??= closing.disposeAsync()
    return stopping
  }
  const reload = () => reloadCertificate(config, broker, log)
  return { ...addresses, reload: config.mqtts && reload, stop }
}

/** Starts a node: opens in order, closes in reverse. Throws `StartRefused` with a sentence for the operator. */
export const startLapel = async (config: Config, options: StartOptions): Promise<Lapel> => {
  const closing = new AsyncDisposableStack()
  try {
    return await open(config, options, closing)
  } catch (error) {
    await closing.disposeAsync()
    throw explained(error, config)
  }
}

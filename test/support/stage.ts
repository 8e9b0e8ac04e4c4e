import { randomBytes } from 'node:crypto'
import { Kysely, PostgresDialect } from 'kysely'
import pg from 'pg'
import { allProjections } from '../../projections/all.ts'
import type { Tables } from '../../projections/tables.ts'
import { newId, type ProjectId } from '../../protocol/ids.ts'
import { create, project } from '../../src/domain/project.ts'
import { openWorldReads, readerOptions, type WorldReads } from '../../src/main-reads.ts'
import { startHeartbeatHistory } from '../../src/projecting/heartbeat-history.ts'
import { migrate } from '../../src/projecting/migrate.ts'
import { type Projector, startProjector } from '../../src/projecting/projector.ts'
import type { EventStore } from '../../src/store/event-store.ts'
import { connectEventStore } from '../../src/store/eventstoredb.ts'
import type { Secrets } from '../../src/store/keyring.ts'
import { createLedger, type Ledger } from '../../src/store/ledger.ts'
import type { Provenance } from '../../src/store/record.ts'
import { seal } from '../../src/store/seal.ts'
import { projectStream } from '../../src/store/streams.ts'
import { createVault, type Vault } from '../../src/store/vault.ts'
import { checkedStore } from './checked-store.ts'
import { type FreshDatabase, freshDatabase } from './database.ts'
import { startEventStore, type TestEventStore } from './event-store.ts'
import { keepLog } from './keep-log.ts'
import { freshSecrets } from './secrets.ts'

type FollowerOptions = {
  readonly now?: () => number
  readonly monotonic?: () => number
  readonly isBusy?: () => boolean
  readonly days?: number
}

/** The real event store and the real Postgres, with everything below the edges on them. */
export type Stage = {
  readonly server: TestEventStore
  readonly database: FreshDatabase
  readonly pool: pg.Pool
  readonly db: Kysely<Tables>
  readonly reads: WorldReads
  readonly store: EventStore
  readonly secrets: Secrets
  readonly ledger: Ledger
  readonly vault: Vault
  readonly by: (project: ProjectId) => Provenance
  /** A test world with its twin. */
  readonly world: () => Promise<ProjectId>
  readonly sealFor: (project: ProjectId, subject: string, object: object) => Promise<string>
  readonly projector: (given?: Omit<FollowerOptions, 'days'>) => Projector
  readonly heartbeats: (given?: FollowerOptions) => ReturnType<typeof startHeartbeatHistory>
  readonly end: () => Promise<void>
}

export const openStage = async (): Promise<Stage> => {
  const [server, database] = await Promise.all([startEventStore(), freshDatabase()])
  const pool = new pg.Pool({ connectionString: database.url, max: 8 })
  pool.on('error', () => {})
  const db = new Kysely<Tables>({ dialect: new PostgresDialect({ pool }) })
  const readers = new pg.Pool({ connectionString: database.url, max: 4, options: readerOptions })
  readers.on('error', () => {})
  await migrate(pool)
  const secrets = freshSecrets()
  const store = checkedStore(connectEventStore(server.url))
  const ledger = createLedger({ store, secrets, now: Date.now, random: randomBytes })
  const vault = createVault({ db, secrets, random: randomBytes, now: Date.now })
  const by = (id: ProjectId): Provenance => ({ project: id, actor: 'system', requestId: null })
  const sealFor = async (id: ProjectId, subject: string, object: object) =>
    seal(object, await vault.keyFor(id, subject), randomBytes)
  return {
    server,
    database,
    pool,
    db,
    reads: openWorldReads(readers),
    store,
    secrets,
    ledger,
    vault,
    by,
    sealFor,
    world: async () => {
      const [id, twin] = [newId('proj_', randomBytes), newId('proj_', randomBytes)]
      const sealed = await sealFor(id, id, { name: 'World' })
      await ledger.transact(
        projectStream(id),
        project,
        () => create({ mode: 'test', twin, sealed }),
        by(id),
      )
      return id
    },
    projector: (given) =>
      startProjector({
        store,
        pool,
        vault,
        projections: allProjections,
        log: keepLog().log,
        meter: { count: () => {}, observe: () => {} },
        now: Date.now,
        monotonic: () => performance.now(),
        isBusy: () => false,
        ...given,
      }),
    heartbeats: (given) =>
      startHeartbeatHistory({
        store,
        pool,
        log: keepLog().log,
        meter: { count: () => {}, observe: () => {} },
        monotonic: () => performance.now(),
        now: Date.now,
        isBusy: () => false,
        days: 30,
        ...given,
      }),
    end: async () => {
      await store.close()
      await readers.end()
      await pool.end()
      await server.stop()
      await database.drop()
    },
  }
}

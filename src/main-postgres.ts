import { hostname } from 'node:os'
import { Kysely, PostgresDialect } from 'kysely'
import pg from 'pg'
import type { Tables } from '../projections/tables.ts'
import {
  namedStatementsMax,
  poolConnectionsMax,
  poolConnectMsMax,
  projectorConnectionsMax,
  readConnectionsMax,
  spareConnectionsMax,
  statementMsMax,
} from '../protocol/limits-postgres.ts'
import { openWorldReads, readerOptions, type WorldReads } from './main-reads.ts'
import type { Log } from './store/log.ts'

/**
 * Statements with parameters get a name, so that Postgres parses and plans each once a connection. Their texts are those in the source:
 * a bounded set.
 */
class PlannedClient extends pg.Client {
  override query(...args: never[]): never {
    const [text, values, ...rest] = args as unknown[]
    const name = typeof text === 'string' && Array.isArray(values) ? nameOf(text) : undefined
    const named = name === undefined ? args : [{ name, text, values }, ...rest]
    return Reflect.apply(super.query, this, named) as never
  }
}

const names = new Map<string, string>()

const nameOf = (text: string): string | undefined => {
  const known = names.get(text)
  if (known !== undefined || names.size >= namedStatementsMax) return known
  const name = `q${names.size}`
  names.set(text, name)
  return name
}

export type Database = {
  readonly pool: pg.Pool
  readonly db: Kysely<Tables>
  /** For reads of one project world: row security lets no statement see another. */
  readonly reads: WorldReads
  /** Two connections of its own, for look-ups of ids that nobody may have. */
  readonly spareDb: Kysely<Tables>
  /** The projectors': their transactions wait for nobody. */
  readonly projectorPool: pg.Pool
}

/** The pools of one node. Nothing connects before it is used. */
export const openDatabase = (url: string, log: Log, closing: AsyncDisposableStack): Database => {
  const poolOf = (max: number, timed: boolean, options?: string): pg.Pool => {
    const pool = new pg.Pool({
      connectionString: url,
      max,
      connectionTimeoutMillis: poolConnectMsMax,
      application_name: `lapel on ${hostname()}, process ${process.pid}`.slice(0, 63),
      Client: PlannedClient,
      ...(timed && { statement_timeout: statementMsMax }),
      ...(options !== undefined && { options }),
    })
    // An idle connection that breaks is replaced by the pool; without a listener it would end the process.
    pool.on('error', (error) => log.debug({ error }, 'an idle connection to Postgres broke'))
    // While a connection is in use the pool does not listen to it: its end is told by the statement that fails.
    pool.on('connect', (client) => client.on('error', () => {}))
    closing.defer(() => pool.end())
    return pool
  }
  const dbOn = (pool: pg.Pool) => new Kysely<Tables>({ dialect: new PostgresDialect({ pool }) })
  const pool = poolOf(poolConnectionsMax, true)
  return {
    pool,
    db: dbOn(pool),
    reads: openWorldReads(poolOf(readConnectionsMax, true, readerOptions)),
    spareDb: dbOn(poolOf(spareConnectionsMax, true)),
    projectorPool: poolOf(projectorConnectionsMax, false),
  }
}

import { Kysely, PostgresDialect } from 'kysely'
import pg from 'pg'
import type { Tables } from '../projections/tables.ts'
import {
  poolConnectionsMax,
  poolConnectMsMax,
  spareConnectionsMax,
  statementMsMax,
} from '../protocol/limits.ts'
import type { Log } from './store/log.ts'

export type Database = {
  readonly pool: pg.Pool
  readonly db: Kysely<Tables>
  /** Two connections of its own, for look-ups of ids that nobody may have. */
  readonly spareDb: Kysely<Tables>
  /** The projector's: its transactions wait for nobody. */
  readonly projectorPool: pg.Pool
}

/** The pools of one node. Nothing connects before it is used. */
export const openDatabase = (url: string, log: Log, closing: AsyncDisposableStack): Database => {
  const poolOf = (max: number, timed: boolean): pg.Pool => {
    const pool = new pg.Pool({
      connectionString: url,
      max,
      connectionTimeoutMillis: poolConnectMsMax,
      application_name: 'lapel',
      ...(timed && { statement_timeout: statementMsMax }),
    })
    // An idle connection that breaks is replaced by the pool; without a listener it would end the process.
    pool.on('error', (error) => log.debug({ error }, 'an idle connection to Postgres broke'))
    closing.defer(() => pool.end())
    return pool
  }
  const dbOn = (pool: pg.Pool) => new Kysely<Tables>({ dialect: new PostgresDialect({ pool }) })
  const pool = poolOf(poolConnectionsMax, true)
  return {
    pool,
    db: dbOn(pool),
    spareDb: dbOn(poolOf(spareConnectionsMax, true)),
    projectorPool: poolOf(2, false),
  }
}

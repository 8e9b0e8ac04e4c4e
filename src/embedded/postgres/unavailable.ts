/** The embedded Postgres cannot run here. The message says why and what to do instead. */
export class PostgresUnavailable extends Error {
  override readonly name = 'PostgresUnavailable'

  constructor(why: string, options?: ErrorOptions) {
    super(
      `the embedded Postgres cannot run here: ${why}\n` +
        'Set DATABASE_URL to a Postgres of your own (postgres://user:password@host:5432/database), ' +
        'or PG_BIN_DIR to the folder of its programs (for example /usr/lib/postgresql/18/bin).',
      options,
    )
  }
}

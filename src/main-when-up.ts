import { setTimeout as delay } from 'node:timers/promises'
import { startMsMax } from '../protocol/limits.ts'
import { StartRefused } from './main-first-start.ts'
import { SchemaTooNew } from './projecting/migrate.ts'
import { ReaderRoleMissing } from './projecting/row-security.ts'
import type { Log } from './store/log.ts'

/** The two as an operator knows them. */
export const postgresName = 'Postgres (DATABASE_URL)'
export const eventStoreName = 'the event store (EVENTSTORE_URL)'

const isFinal = (error: unknown): boolean =>
  error instanceof StartRefused ||
  error instanceof SchemaTooNew ||
  error instanceof ReaderRoleMissing

const retryMs = 500

/** A database that is still coming up is waited for; what it refuses is not. */
export const whenUp = async <Result>(
  what: string,
  log: Log,
  work: () => Promise<Result>,
): Promise<Result> => {
  const deadline = performance.now() + startMsMax
  for (;;) {
    const ended = await work().catch((error: unknown) => ({ error }))
    if (!(ended instanceof Object && 'error' in ended)) return ended
    const { error } = ended
    if (isFinal(error)) throw error
    const cause = (error as Error).cause ?? error
    if (performance.now() > deadline)
      throw new StartRefused(`${what} cannot be reached: ${cause}`, { cause: error })
    log.warn({ what, cause: String(cause) }, 'waiting for a database')
    await delay(retryMs)
  }
}

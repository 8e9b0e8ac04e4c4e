import type { PoolClient } from 'pg'
import { swapAttemptsMax, swapLockMsMax, swapRestMs } from '../../protocol/limits-rebuild.ts'
import { pause } from './pause.ts'

/** Somebody read one of the tables whenever all of them were asked for. */
export class TablesInUse extends Error {
  override readonly name = 'TablesInUse'
}

const lockNotAvailable = '55P03'

const tryLock = async (client: PoolClient, names: string): Promise<boolean> => {
  await client.query('savepoint taking')
  try {
    await client.query(`lock table ${names} in access exclusive mode`)
    return true
  } catch (error) {
    if ((error as { code?: string }).code !== lockNotAvailable) throw error
    await client.query('rollback to savepoint taking')
    return false
  }
}

/**
 * Takes tables from everybody else, within a transaction. Readers lock several, in an order of their own: who waited for a table while
 * holding another might wait for a reader that waits for it, and Postgres would end one of the two. So nothing is waited for longer than
 * `swapLockMsMax`, less than Postgres' `deadlock_timeout` (1 s by default); what was taken by then is given back, and readers go on.
 * The first lock keeps vacuums away, which yield to it alone and would outlast every attempt; it holds up nobody who reads or writes rows.
 * Throws `TablesInUse`.
 */
export const takeTables = async (
  client: PoolClient,
  tables: readonly string[],
  signal: AbortSignal,
): Promise<void> => {
  const names = tables.join(', ')
  await client.query(`lock table ${names} in share update exclusive mode`)
  await client.query(`set local lock_timeout = ${swapLockMsMax}`)
  for (let attempt = 1; !(await tryLock(client, names)); attempt += 1) {
    if (attempt === swapAttemptsMax) throw new TablesInUse(`${names}: in use by a reader`)
    await pause(swapRestMs, signal)
    signal.throwIfAborted()
  }
  await client.query('set local lock_timeout = default')
}

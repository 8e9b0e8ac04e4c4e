import type { Pool } from 'pg'
import type { Exclusively } from './ports.ts'

/**
 * By an advisory lock of Postgres, on a connection of its own while the work lasts. Where that connection breaks another node may begin
 * the same work: it must be harmless twice, and is only spared.
 */
export const exclusivelyBy =
  (pool: Pool): Exclusively =>
  async (name, work) => {
    const client = await pool.connect()
    let broken: Error | undefined
    const onError = (error: Error): void => {
      broken = error
    }
    client.on('error', onError)
    try {
      const asked = 'select pg_try_advisory_lock(hashtextextended($1, 0)) as got'
      const { rows } = await client.query<{ got: boolean }>(asked, [name])
      if (!rows[0]?.got) return undefined
      try {
        return await work()
      } finally {
        // A lock whose connection broke is gone with it.
        await client
          .query('select pg_advisory_unlock(hashtextextended($1, 0))', [name])
          .catch((error: Error) => onError(error))
      }
    } finally {
      client.off('error', onError)
      client.release(broken)
    }
  }

import type { Pool, PoolClient } from 'pg'
import { leadRetryMsMax, resubscribeDelayMsMax } from '../../protocol/limits.ts'
import type { Log } from '../store/log.ts'
import { pause } from './pause.ts'

export type LeadingDeps = {
  readonly pool: Pool
  readonly log: Log
  /** Of an advisory lock: any number that nobody else locks with. */
  readonly lock: number
  readonly what: string
  /** Told whenever it begins or ends; with why, when it failed. */
  readonly say: (failure?: string) => void
}

// Rows and checkpoint are lost together in a crash of Postgres, and the log has what they were folded from: no commit waits for the disk.
const unhurried = 'set synchronous_commit to off'

export type Leadership = { readonly close: () => Promise<void> }

/** One that leads for the whole cluster: an advisory lock on a connection of its own. `undefined`: another leads. */
const tryLead = async ({ pool, lock }: LeadingDeps): Promise<PoolClient | undefined> => {
  const client = await pool.connect()
  const { rows } = await client.query<{ led: boolean }>('select pg_try_advisory_lock($1) as led', [
    lock,
  ])
  if (rows[0]?.led) return client
  client.release()
  return undefined
}

/** Works where nobody else in the cluster does, again and again until it is closed. */
export const keepLeading = (
  deps: LeadingDeps,
  work: (client: PoolClient, signal: AbortSignal) => Promise<void>,
): Leadership => {
  const stopping = new AbortController()

  const lead = async (): Promise<void> => {
    const client = await tryLead(deps)
    deps.say()
    if (!client) return
    // A connection that breaks must not be handed to anybody else, and its lock is gone with it.
    let broken: Error | undefined
    client.on('error', (error) => {
      broken = error
    })
    try {
      await client.query(unhurried)
      await work(client, stopping.signal)
    } catch (error) {
      broken = error as Error
      throw error
    } finally {
      deps.say()
      if (!broken) await client.query('select pg_advisory_unlock($1)', [deps.lock]).catch(() => {})
      client.release(broken ?? true)
    }
  }

  const loop = async (): Promise<void> => {
    for (let delayMs = 50; !stopping.signal.aborted; ) {
      try {
        await lead()
        delayMs = leadRetryMsMax
      } catch (error) {
        deps.say(String((error as Error).message))
        deps.log.warn({ error }, `${deps.what} stopped: it will try again`)
        delayMs = Math.min(delayMs * 2, resubscribeDelayMsMax)
      }
      await pause(delayMs, stopping.signal)
    }
  }
  const running = loop()

  return {
    close: async () => {
      stopping.abort()
      await running
    },
  }
}

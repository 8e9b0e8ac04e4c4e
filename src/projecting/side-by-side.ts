import type { Pool, PoolClient } from 'pg'

export type Connections = {
  /** One that is there. */
  readonly client: PoolClient
  /** Where the others come from. */
  readonly pool: Pool
  /** How many are used, the first with them. */
  readonly max: number
  /** After it nothing more is begun, and it throws. */
  readonly signal: AbortSignal
}

type Work = (client: PoolClient) => Promise<unknown>

/** Works with a connection more, if there is one: that makes it faster, and is not needed. */
const withOneMore = async (pool: Pool, work: Work): Promise<void> => {
  const client = await pool.connect().catch(() => undefined)
  if (!client) return
  let broken: Error | undefined
  const onError = (error: Error) => {
    broken = error
  }
  client.on('error', onError)
  try {
    await work(client)
  } finally {
    client.off('error', onError)
    client.release(broken)
  }
}

/**
 * Does all of it, what comes first first, on several connections to Postgres at once: each has a process of its own there. After a failure
 * nothing more is begun, and what was begun has ended when it throws.
 */
export const sideBySide = async (
  { client, pool, max, signal }: Connections,
  works: readonly Work[],
): Promise<void> => {
  const left = [...works]
  const run: Work = async (on) => {
    try {
      for (let work = left.shift(); work; work = left.shift()) {
        signal.throwIfAborted()
        await work(on)
      }
    } catch (error) {
      left.length = 0
      throw error
    }
  }
  const others = Array.from({ length: Math.min(max, works.length) - 1 }, () =>
    withOneMore(pool, run),
  )
  const ended = await Promise.allSettled([run(client), ...others])
  for (const one of ended) if (one.status === 'rejected') throw one.reason
}

import { type Kysely, sql } from 'kysely'
import { readCheckpoint } from '../../projections/checkpoints.ts'
import type { Tables } from '../../projections/tables.ts'
import { parseNodeId } from '../../protocol/ids.ts'
import { instantOf } from '../../protocol/instant.ts'
import { checkpointPollMs } from '../../protocol/limits.ts'
import type { Log } from '../store/log.ts'
import type { NodeLease } from './lease.ts'
import type { NodeFollower } from './node-follower.ts'
import type { OtherNodes } from './other-nodes.ts'
import type { Overlay } from './overlay.ts'
import { credentialProjections } from './rows.ts'
import type { SessionTable } from './session-table.ts'

type Deps = {
  readonly db: Kysely<Tables>
  readonly overlay: Overlay
  readonly table: SessionTable
  readonly others: OtherNodes
  readonly lease: NodeLease
  readonly follower: NodeFollower
  readonly leaseMsMax: number
  readonly now: () => number
  readonly monotonic: () => number
  readonly log: Log
}

// Ten polls: nobody waits for this; a node that lives was heard long before.
const pollsPerCensus = 10

/** What has to be looked after without an event: about once a second. Returns how to end it. */
export const startUpkeep = (deps: Deps): (() => Promise<void>) => {
  const { db, overlay, table, others, lease, follower, leaseMsMax, now, monotonic, log } = deps
  let polls = 0
  let restartedAt = monotonic()
  let running: Promise<void> | undefined

  const raiseFloor = async (): Promise<void> => {
    const checkpoint = await readCheckpoint(db, credentialProjections)
    if (checkpoint !== undefined) overlay.raise(checkpoint)
  }

  /** Who has open sessions and was never heard died before this node began to follow. */
  const takeCensus = async (): Promise<void> => {
    const { rows } = await sql<{ node: string }>`select distinct node from live.sessions`.execute(
      db,
    )
    for (const row of rows) {
      const node = parseNodeId(row.node)
      if (node) others.suspect(node)
    }
  }

  const inDatabase = async (): Promise<void> => {
    try {
      await raiseFloor()
      if (polls % pollsPerCensus === 0) await takeCensus()
      polls += 1
    } catch (error) {
      log.debug({ error }, 'Postgres does not tell how far the projections are')
    }
  }

  /** A subscription may fall silent without an error. */
  const reviveFollower = (): void => {
    if (lease.lagMs() < 2 * leaseMsMax || monotonic() - restartedAt < 2 * leaseMsMax) return
    restartedAt = monotonic()
    log.warn({ lagMs: lease.lagMs() }, 'nothing came back for too long; the log is followed anew')
    follower.restart()
  }

  const once = async (): Promise<void> => {
    reviveFollower()
    await Promise.all([inDatabase(), others.sweep()])
  }

  const timer = setInterval(() => {
    table.sweep(instantOf(now()))
    running ??= once().finally(() => {
      running = undefined
    })
  }, checkpointPollMs)

  return async () => {
    clearInterval(timer)
    await running
  }
}

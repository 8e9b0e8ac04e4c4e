import type { Pool } from 'pg'
import { positionPollMsMax } from '../../protocol/limits.ts'
import { ShortLived } from '../../protocol/short-lived.ts'
import type { Position } from '../store/event-store.ts'
import type { Versioned } from './batch.ts'

type Deps = {
  readonly pool: Pool
  readonly monotonic: () => number
  /** Those that move together; others' checkpoints count for nothing. */
  readonly projections: readonly Versioned[]
  /** Whether this node moves them, and has come to the end of the log. */
  readonly leads: () => boolean
}

type Waiter = { readonly position: Position; readonly done: (reached: boolean) => void }

/** How far the read models have come, as this node knows, and who waits for more. */
export type Positions = {
  /** The leader of this node committed up to there. */
  readonly reached: (position: Position) => void
  /** The furthest that was committed here or seen elsewhere. */
  readonly known: () => Position | undefined
  readonly waitFor: (position: Position, msMax: number) => Promise<boolean>
  /** How long the oldest of those who wait has waited. */
  readonly lagMs: () => number
  readonly close: () => void
}

const firstPollMs = 2

/**
 * Where this node leads, a waiter is woken by the very commit; elsewhere the checkpoint row is asked again and again, by one
 * query for all who wait. Who leads asks too, late: another may have taken the lead unnoticed.
 */
export const createPositions = ({ pool, monotonic, projections, leads }: Deps): Positions => {
  /** Each with when it began to wait. */
  const waiters = new ShortLived<Waiter, number>()
  let known: Position = -1n
  let polling = false
  let closed = false

  const reached = (position: Position): void => {
    if (position > known) known = position
    for (const waiter of waiters.keys()) if (waiter.position <= known) waiter.done(true)
  }

  const ask = async (): Promise<void> => {
    const { rows } = await pool.query<{ commit: string | null }>(
      `select min(c.commit) as commit from live.checkpoints c
       join unnest($1::text[], $2::int[]) as p (name, version) on p.name = c.projection and p.version = c.version
       having count(c.commit) = cardinality($1)`,
      [projections.map(({ name }) => name), projections.map(({ version }) => version)],
    )
    const commit = rows[0]?.commit
    if (commit) reached(BigInt(commit))
  }

  const poll = async (): Promise<void> => {
    if (polling) return
    polling = true
    let ms = leads() ? positionPollMsMax : firstPollMs
    for (; waiters.size > 0 && !closed; ms = Math.min(ms * 2, positionPollMsMax)) {
      await new Promise((resolve) => setTimeout(resolve, ms))
      if (waiters.size > 0) await ask().catch(() => {})
    }
    polling = false
  }

  return {
    reached,
    known: () => (known < 0n ? undefined : known),
    waitFor: (position, msMax) => {
      if (position <= known) return Promise.resolve(true)
      return new Promise((resolve) => {
        const done = (isReached: boolean) => {
          clearTimeout(timer)
          waiters.delete(waiter)
          resolve(isReached)
        }
        const waiter = { position, done }
        const timer = setTimeout(() => done(false), msMax)
        waiters.set(waiter, monotonic())
        void poll()
      })
    },
    lagMs: () => Math.max(0, ...waiters.values().map((since) => monotonic() - since)),
    close: () => {
      closed = true
      for (const waiter of waiters.keys()) waiter.done(false)
    },
  }
}

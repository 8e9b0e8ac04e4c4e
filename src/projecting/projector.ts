import type { Pool } from 'pg'
import type { Position } from '../store/event-store.ts'
import { type Audience, type Mover, type MoverDeps, type Standing, startMover } from './mover.ts'
import { createPositions } from './positions.ts'

export type ProjectorHealth = {
  readonly status: 'ok' | 'failing'
  readonly detail?: string
  readonly lagMs: number
}

export type Projector = {
  /** Whether the read models have come to that position, waiting for it at most `msMax`. */
  readonly waitFor: (position: Position, msMax: number) => Promise<boolean>
  /** What they have reached for certain, where this node leads; elsewhere only the checkpoints tell. */
  readonly position: () => Position | undefined
  readonly health: () => ProjectorHealth
  readonly rebuild: Mover['rebuild']
  readonly close: () => Promise<void>
}

type Deps = {
  readonly pool: Pool
  readonly monotonic: () => number
  /** Starts the mover, in this thread or in another. */
  readonly start: (audience: Audience) => Mover
}

/** How far the read models have come, and who waits for it. */
export const createProjector = ({ start, ...deps }: Deps): Projector => {
  const positions = createPositions(deps)
  let now: Standing = { caughtUp: false, failure: undefined }
  const mover = start({
    reached: positions.reached,
    standing: (standing) => {
      now = standing
    },
  })
  return {
    waitFor: positions.waitFor,
    position: () => (now.caughtUp ? positions.known() : undefined),
    health: () => {
      const lagMs = positions.lagMs()
      return now.failure === undefined
        ? { status: 'ok', lagMs }
        : { status: 'failing', detail: now.failure, lagMs }
    },
    rebuild: mover.rebuild,
    close: async () => {
      positions.close()
      await mover.close()
    },
  }
}

/** The projector in this thread. */
export const startProjector = (deps: MoverDeps): Projector =>
  createProjector({ ...deps, start: (audience) => startMover(deps, audience) })

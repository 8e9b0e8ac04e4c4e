import type { Pool } from 'pg'
import type { Position } from '../store/event-store.ts'
import type { Audience, Following, Standing } from './audience.ts'
import type { Versioned } from './batch.ts'
import type { Mover } from './keep-moving.ts'
import { type MoverDeps, startMover } from './mover.ts'
import { createPositions } from './positions.ts'

export type ProjectorHealth = {
  readonly status: 'ok' | 'failing'
  readonly detail?: string
  readonly lagMs: number
}

/** How far read models that move together have come. */
export type Progress = {
  /** Whether they have come to that position, waiting for it at most `msMax`. */
  readonly waitFor: (position: Position, msMax: number) => Promise<boolean>
  /** What they have reached for certain, where this node leads; elsewhere only the checkpoints tell. */
  readonly position: () => Position | undefined
  readonly health: () => ProjectorHealth
  readonly close: () => Promise<void>
}

export type Projector = Progress & { readonly rebuild: Mover['rebuild'] }

type Deps<Moved extends Following> = {
  readonly pool: Pool
  readonly monotonic: () => number
  readonly projections: readonly Versioned[]
  /** Starts what moves them, in this thread or in another. */
  readonly start: (audience: Audience) => Moved
}

/** How far they have come, and who waits for it. */
export const followProgress = <Moved extends Following>({
  start,
  ...deps
}: Deps<Moved>): { readonly moved: Moved; readonly progress: Progress } => {
  let now: Standing = { caughtUp: false, failure: undefined }
  const positions = createPositions({ ...deps, leads: () => now.caughtUp })
  const moved = start({
    reached: positions.reached,
    standing: (standing) => {
      now = standing
    },
  })
  const progress: Progress = {
    waitFor: positions.waitFor,
    position: () => (now.caughtUp ? positions.known() : undefined),
    health: () => {
      const lagMs = positions.lagMs()
      return now.failure === undefined
        ? { status: 'ok', lagMs }
        : { status: 'failing', detail: now.failure, lagMs }
    },
    close: async () => {
      positions.close()
      await moved.close()
    },
  }
  return { moved, progress }
}

export const createProjector = (deps: Deps<Mover>): Projector => {
  const { moved, progress } = followProgress(deps)
  return { ...progress, rebuild: moved.rebuild }
}

/** The projector in this thread. */
export const startProjector = (deps: MoverDeps): Projector =>
  createProjector({ ...deps, start: (audience) => startMover(deps, audience) })

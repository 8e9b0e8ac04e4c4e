import type { PoolClient } from 'pg'
import { keepLeading, type LeadingDeps } from './lead.ts'
import { leaderOf, type RebuildOptions, type RebuildOutcome } from './rebuilds.ts'

export type Mover = {
  /** From zero, beside the live tables; what is rebuilt takes their place. Only where it leads. */
  readonly rebuild: (names?: readonly string[], options?: RebuildOptions) => Promise<RebuildOutcome>
  readonly close: () => Promise<void>
}

/** Whoever leads, for as long as it does. */
export type Leader = {
  readonly rebuild: (
    names: readonly string[] | undefined,
    options: RebuildOptions,
  ) => Promise<RebuildOutcome>
  /** Until the signal, or until something fails. */
  readonly run: (signal: AbortSignal) => Promise<void>
}

/** Moves read models wherever nobody else in the cluster moves these. */
export const keepMoving = (deps: LeadingDeps, lead: (client: PoolClient) => Leader): Mover => {
  let leader: Leader | undefined
  const leadership = keepLeading(deps, async (client, signal) => {
    leader = lead(client)
    await leader.run(signal).finally(() => {
      leader = undefined
    })
  })
  return {
    rebuild: async (names, options = {}) =>
      leader?.rebuild(names, options) ?? {
        kind: 'not-leading',
        leader: await leaderOf(deps.pool, deps.lock),
      },
    close: leadership.close,
  }
}

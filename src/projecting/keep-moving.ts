import type { PoolClient } from 'pg'
import { leadRetryMsMax } from '../../protocol/limits.ts'
import {
  rebuildAttemptsMax,
  rebuildLeadMsMax,
  rebuildRetryMs,
} from '../../protocol/limits-rebuild.ts'
import { keepLeading, type LeadingDeps } from './lead.ts'
import { pause } from './pause.ts'
import { leaderOf, type RebuildOptions, type RebuildOutcome } from './rebuilds.ts'
import { isTransient } from './transient.ts'

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

const nobodyPollMs = 100

/** Moves read models wherever nobody else in the cluster moves these. */
export const keepMoving = (deps: LeadingDeps, lead: (client: PoolClient) => Leader): Mover => {
  const { pool, lock, log, what } = deps
  let leader: Leader | undefined
  const leadership = keepLeading(deps, async (client, signal) => {
    leader = lead(client)
    await leader.run(signal).finally(() => {
      leader = undefined
    })
  })

  /**
   * Who leads here; or, while nobody here does, what to answer. A lead that ended begins again soon, here or elsewhere, and its lock is held
   * until its connection is gone: another leads when it does so for a while.
   */
  const leading = async (signal: AbortSignal): Promise<Leader | RebuildOutcome> => {
    let othersMs = 0
    for (let waitedMs = 0; waitedMs < rebuildLeadMsMax; waitedMs += nobodyPollMs) {
      if (leader) return leader
      const other = await leaderOf(pool, lock)
      othersMs = other === undefined ? 0 : othersMs + nobodyPollMs
      if (othersMs > leadRetryMsMax) return { kind: 'not-leading', leader: other }
      await pause(nobodyPollMs, signal)
      signal.throwIfAborted()
    }
    return { kind: 'unavailable' }
  }

  /** `undefined`: it may go right a little later. */
  const attempt = async (
    names: readonly string[] | undefined,
    options: RebuildOptions & { readonly signal: AbortSignal },
  ): Promise<RebuildOutcome | undefined> => {
    try {
      const found = await leading(options.signal)
      return 'kind' in found ? found : await found.rebuild(names, options)
    } catch (error) {
      if (options.signal.aborted || !isTransient(error)) throw error
      log.warn({ err: error }, `a rebuild of ${what} broke off`)
      return undefined
    }
  }

  const rebuild: Mover['rebuild'] = async (
    names,
    { signal = new AbortController().signal, ...given } = {},
  ) => {
    const options = { ...given, signal }
    for (let attempts = 1; attempts <= rebuildAttemptsMax; attempts += 1) {
      const outcome = await attempt(names, options)
      if (outcome) return outcome
      await pause(rebuildRetryMs, signal)
      signal.throwIfAborted()
    }
    return { kind: 'unavailable' }
  }

  return { rebuild, close: leadership.close }
}

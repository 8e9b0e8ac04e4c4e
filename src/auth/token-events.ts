import type { TokenId } from '../../protocol/ids.ts'
import { reuseReportsMax } from '../../protocol/limits.ts'
import { createLru } from '../../protocol/lru.ts'
import type { SessionEntry } from '../../protocol/observations.ts'
import { device } from '../domain/device.ts'
import { confirmToken, reportReuse, suspectClone } from '../domain/token-decisions.ts'
import { StoreUnavailable } from '../store/event-store.ts'
import { Contended, type Ledger } from '../store/ledger.ts'
import type { Log } from '../store/log.ts'
import { deviceStream } from '../store/streams.ts'
import type { TokenTruth } from './truth.ts'

type Deps = {
  readonly ledger: Pick<Ledger, 'transact'>
  readonly monotonic: () => number
  readonly log: Log
}

export type TokenEvents = {
  /** The first use of a refreshed token. `dead`: it is not the device's newest any more. */
  readonly confirm: (truth: TokenTruth) => Promise<'confirmed' | 'dead' | 'not-now'>
  /** A replaced token was presented with its right secret. In the background; at most once a token and hour. */
  readonly reuse: (truth: TokenTruth) => void
  /** Too many takeovers. In the background; at most once a device and hour. */
  readonly clone: (opened: SessionEntry, takeovers: number) => void
}

const hourMs = 3_600_000

/** What signing in with a token adds to the history of its device. */
export const createTokenEvents = ({ ledger, monotonic, log }: Deps): TokenEvents => {
  // The stream decides what is recorded; this only keeps a thief from making us read it with every try.
  const reported = createLru<TokenId, number>(reuseReportsMax)
  const stream = ({ project, deviceId }: TokenTruth) => deviceStream(project, deviceId)

  const inBackground = (work: Promise<unknown>, what: string): void => {
    work.catch((error: unknown) => log.error({ error }, what))
  }

  return {
    confirm: async (truth) => {
      const { tokenId, deviceId: actor, project } = truth
      try {
        const done = await ledger.transact(stream(truth), device, () => confirmToken({ tokenId }), {
          project,
          actor,
          requestId: null,
        })
        return done.kind === 'done' && done.outcome.kind !== 'refused' ? 'confirmed' : 'dead'
      } catch (error) {
        if (!(error instanceof StoreUnavailable) && !(error instanceof Contended)) throw error
        log.warn({ error }, 'the first use of a token could not be recorded')
        return 'not-now'
      }
    },
    reuse: (truth) => {
      const { tokenId, project } = truth
      const last = reported.get(tokenId)
      if (last !== undefined && monotonic() - last < hourMs) return
      reported.set(tokenId, monotonic())
      const decide = (at: Parameters<typeof reportReuse>[1]) => reportReuse({ tokenId }, at)
      const by = { project, actor: 'system', requestId: null } as const
      inBackground(
        ledger.transact(stream(truth), device, decide, by).catch((error: unknown) => {
          reported.delete(tokenId)
          throw error
        }),
        'the reuse of a token could not be recorded',
      )
    },
    clone: ({ p: project, d, tok: tokenId }, takeovers) => {
      const decide = (at: Parameters<typeof suspectClone>[1]) =>
        suspectClone({ tokenId, takeovers }, at)
      const by = { project, actor: 'system', requestId: null } as const
      inBackground(
        ledger.transact(deviceStream(project, d), device, decide, by),
        'a suspected clone could not be recorded',
      )
    },
  }
}

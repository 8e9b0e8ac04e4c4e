import type { DevicePrincipal } from '../../auth/ports.ts'
import type { Refusal } from '../../domain/decision.ts'
import { type Device, device } from '../../domain/device.ts'
import { refreshToken as refresh } from '../../domain/token-decisions.ts'
import { deviceStream } from '../../store/streams.ts'
import type { Command } from '../commands.ts'
import type { HttpDeps } from '../ports.ts'
import { newDeviceToken } from './new-token.ts'
import { type Written, writtenOf } from './written.ts'

type Deps = Pick<HttpDeps, 'ledger' | 'secrets' | 'random' | 'tokenGraceSeconds'>

export type RefreshTokenOutcome =
  | ({ readonly kind: 'refreshed'; readonly token: string } & Written<Device>)
  | ({ readonly kind: 'replayed' } & Written<Device>)
  | { readonly kind: 'idempotency-mismatch' }
  | Refusal<'not-live'>

/** A new token for the one that was presented (HTTP contract, decision 6). Throws `StoreUnavailable`, `Contended`. */
export const refreshToken =
  (deps: Deps) =>
  async (caller: DevicePrincipal, { by }: Command<unknown>): Promise<RefreshTokenOutcome> => {
    const token = newDeviceToken(deps)
    const args = {
      presented: caller.tokenId,
      next: token.secret,
      graceMs: deps.tokenGraceSeconds * 1_000,
    }
    const stream = deviceStream(by.project, caller.deviceId)
    const done = await deps.ledger.transact(stream, device, (at) => refresh(args, at), by)
    if (done.kind === 'idempotency-mismatch') return done
    if (done.kind === 'replayed') return { kind: 'replayed', ...writtenOf(done) }
    if (done.outcome.kind === 'refused') return done.outcome
    return { kind: 'refreshed', token: token.text, ...writtenOf(done) }
  }

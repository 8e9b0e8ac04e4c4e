import type { DeviceId } from '../../../protocol/ids.ts'
import type { Refusal } from '../../domain/decision.ts'
import { type Device, device, type UnbindOutcome, unbind } from '../../domain/device.ts'
import { deviceStream } from '../../store/streams.ts'
import type { Command } from '../commands.ts'
import type { HttpDeps } from '../ports.ts'
import { onlyIfMatch } from './if-match.ts'
import { type Written, writtenOf } from './written.ts'

export type UnbindDeviceOutcome =
  | ({ readonly kind: 'unbound' | 'not-bound' | 'replayed' } & Written<Device>)
  | { readonly kind: 'idempotency-mismatch' }
  | Extract<UnbindOutcome, { kind: 'refused' }>
  | Refusal<'changed'>

/** Unbinds a device and ends every token it has; nothing when it is not bound. Throws `StoreUnavailable`, `Contended`. */
export const unbindDevice =
  ({ ledger }: Pick<HttpDeps, 'ledger'>) =>
  async (deviceId: DeviceId, { by, ifMatch }: Command<unknown>): Promise<UnbindDeviceOutcome> => {
    const place = { stream: deviceStream(by.project, deviceId), aggregate: device, ifMatch }
    const decide = await onlyIfMatch(ledger, place, () => unbind({ reason: 'requested' }))
    const done = await ledger.transact(place.stream, device, decide, by)
    if (done.kind === 'idempotency-mismatch') return done
    if (done.kind === 'replayed') return { kind: 'replayed', ...writtenOf(done) }
    if (done.outcome.kind === 'refused') return done.outcome
    return { kind: done.outcome.kind, ...writtenOf(done) }
  }

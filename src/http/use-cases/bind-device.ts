import type { DeviceEvent } from '../../../protocol/events/lifecycle.ts'
import { type DeviceId, newId, parseId } from '../../../protocol/ids.ts'
import type { BindBody } from '../../../protocol/requests.ts'
import { type Decision, type Refusal, refuse } from '../../domain/decision.ts'
import { type BindOutcome, bind, type Device, device } from '../../domain/device.ts'
import { endUser } from '../../domain/end-user.ts'
import { deviceStream, endUserStream } from '../../store/streams.ts'
import type { Command } from '../commands.ts'
import type { HttpDeps } from '../ports.ts'
import { onlyIfMatch } from './if-match.ts'
import { newDeviceToken } from './new-token.ts'
import { type Written, writtenOf } from './written.ts'

type Deps = Pick<HttpDeps, 'ledger' | 'secrets' | 'random'>
type Decided = Decision<BindOutcome | Refusal<'unknown-end-user'>, DeviceEvent>
type Refused = Extract<BindOutcome, { kind: 'refused' }> | Refusal<'unknown-end-user' | 'changed'>

export type BindDeviceOutcome =
  /** `token` in clear leaves in this one reply. */
  | ({ readonly kind: 'bound'; readonly token: string } & Written<Device>)
  | ({ readonly kind: 'replayed' } & Written<Device>)
  | { readonly kind: 'idempotency-mismatch' }
  | Refused

/** Binds a device to an end user of the same project and makes its token. Throws `StoreUnavailable`, `Contended`. */
export const bindDevice =
  (deps: Deps) =>
  async (
    deviceId: DeviceId,
    { by, body, ifMatch }: Command<BindBody>,
  ): Promise<BindDeviceOutcome> => {
    const { ledger, random } = deps
    const endUserId = parseId('eu_', body.end_user_id)
    const person = endUserId && (await ledger.read(endUserStream(by.project, endUserId), endUser))
    const token = newDeviceToken(deps)
    const bindingId = newId('bind_', random)
    const place = { stream: deviceStream(by.project, deviceId), aggregate: device, ifMatch }
    const decide = await onlyIfMatch(ledger, place, () => (state: Device): Decided => {
      // Of two unknown ids the device's is the one to name: it is the resource.
      if (state.status === 'unknown') return refuse('unknown-device')
      if (!endUserId || person?.state.status !== 'active') return refuse('unknown-end-user')
      return bind({ bindingId, endUserId, token: token.secret })(state)
    })
    const done = await ledger.transact(place.stream, device, decide, by)
    if (done.kind === 'idempotency-mismatch') return done
    if (done.kind === 'replayed') return { kind: 'replayed', ...writtenOf(done) }
    if (done.outcome.kind === 'refused') return done.outcome
    return { kind: 'bound', token: token.text, ...writtenOf(done) }
  }

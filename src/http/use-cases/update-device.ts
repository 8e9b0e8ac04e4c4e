import type { DeviceId } from '../../../protocol/ids.ts'
import type { UpdateDeviceBody } from '../../../protocol/requests.ts'
import type { Refusal } from '../../domain/decision.ts'
import { type Device, device, type UpdateOutcome, update } from '../../domain/device.ts'
import { openAll, seal } from '../../store/seal.ts'
import { deviceStream } from '../../store/streams.ts'
import type { Command } from '../commands.ts'
import type { HttpDeps } from '../ports.ts'
import { changedMembers } from './changed-members.ts'
import { onlyIfMatch } from './if-match.ts'
import { type Written, writtenOf } from './written.ts'

type Deps = Pick<HttpDeps, 'ledger' | 'vault' | 'random'>

/** `replacesSettings`: what is left out of them returns to its default. */
export type UpdateDevice = UpdateDeviceBody & { readonly replacesSettings?: boolean }

export type UpdateDeviceOutcome =
  | ({ readonly kind: 'updated' | 'unchanged' } & Written<Device>)
  | Extract<UpdateOutcome, { kind: 'refused' }>
  | Refusal<'changed'>

/** Changes what was sent. Throws `StoreUnavailable`, `VaultUnavailable`, `Contended`. */
export const updateDevice =
  ({ ledger, vault, random }: Deps) =>
  async (
    deviceId: DeviceId,
    { by, body, ifMatch }: Command<UpdateDevice>,
  ): Promise<UpdateDeviceOutcome> => {
    const { settings, replacesSettings = false, ...written } = body
    const key = Object.keys(written).length > 0 ? await vault.keyOf(deviceId) : undefined
    const sealedChange = (state: Device): string | undefined => {
      if (!key || state.status === 'unknown') return undefined
      const change = changedMembers(openAll(state.sealed, key), written)
      return Object.keys(change).length > 0 ? seal(change, key, random) : undefined
    }
    const place = { stream: deviceStream(by.project, deviceId), aggregate: device, ifMatch }
    const decide = await onlyIfMatch(ledger, place, () => (state: Device) => {
      const sealed = sealedChange(state)
      const change = {
        ...(settings && { settings, replacesSettings }),
        ...(sealed !== undefined && { sealed }),
      }
      return update(change)(state)
    })
    const done = await ledger.transact(place.stream, device, decide, by)
    // A PATCH takes no Idempotency-Key.
    if (done.kind !== 'done') throw new Error('an update was met under an Idempotency-Key')
    if (done.outcome.kind === 'refused') return done.outcome
    return { kind: done.outcome.kind, ...writtenOf(done) }
  }

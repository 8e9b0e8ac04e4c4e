import type { DeviceId } from '../../../protocol/ids.ts'
import { claim, release } from '../../domain/claim.ts'
import type { Refusal } from '../../domain/decision.ts'
import { type Device, device, retire } from '../../domain/device.ts'
import { claimStream, deviceStream } from '../../store/streams.ts'
import type { Command } from '../commands.ts'
import type { HttpDeps } from '../ports.ts'
import { onlyIfMatch } from './if-match.ts'
import { type Written, writtenOf } from './written.ts'

type Deps = Pick<HttpDeps, 'ledger' | 'log'>
type By = Command<unknown>['by']

export type RetireDeviceOutcome =
  | ({ readonly kind: 'retired' | 'already-retired' } & Written<Device>)
  | Refusal<'unknown-device' | 'changed'>

/** The serial number is free for the next generation. Where that fails, whoever registers it takes the claim over. */
const giveBack = async ({ ledger, log }: Deps, by: By, id: DeviceId, hash: string) => {
  const stream = claimStream(by.project, hash)
  try {
    const { takings } = (await ledger.read(stream, claim)).state
    await ledger.transact(stream, claim, () => release({ id, takings }), by)
  } catch (err) {
    log.warn({ err }, 'the claim of a serial number was not given back')
  }
}

/** Ends a device: its binding and every token with it, in one append; its history stays. Throws `StoreUnavailable`, `Contended`. */
export const retireDevice =
  (deps: Deps) =>
  async (
    id: DeviceId,
    { by, ifMatch }: Pick<Command<unknown>, 'by' | 'ifMatch'>,
  ): Promise<RetireDeviceOutcome> => {
    const { ledger } = deps
    const place = { stream: deviceStream(by.project, id), aggregate: device, ifMatch }
    const decide = await onlyIfMatch(ledger, place, retire)
    const done = await ledger.transact(place.stream, device, decide, by)
    // A DELETE takes no Idempotency-Key.
    if (done.kind !== 'done') throw new Error('a retirement was met under an Idempotency-Key')
    if (done.outcome.kind === 'refused') return done.outcome
    const { state } = done
    if (state.status !== 'unknown') await giveBack(deps, by, id, state.serialHash)
    return { kind: done.outcome.kind, ...writtenOf(done) }
  }

import type { DeviceId, ProjectId } from '../../../protocol/ids.ts'
import { type Instant, msOf } from '../../../protocol/instant.ts'
import { skewBootsMax, skewSamplesMax } from '../../../protocol/limits.ts'
import type { Boot } from '../../../protocol/payloads.ts'
import { device } from '../../domain/device.ts'
import { type Evidence, medianSkew } from '../../domain/recording/owner.ts'
import type { Log } from '../../store/log.ts'
import { deviceStream } from '../../store/streams.ts'
import type { RecordingDeps } from './ports.ts'

/** What the messages of a session showed of the clocks of its boots, the newest of each; heartbeats are in the read model. */
export class ClockSamples {
  readonly #boots = new Map<string, number[]>()

  add(boot: Boot | undefined, at: Instant | undefined, receivedMs: number): void {
    if (boot === undefined || at === undefined) return
    const key = String(boot)
    const samples = this.#boots.get(key) ?? []
    samples.push(receivedMs - msOf(at))
    if (samples.length > skewSamplesMax) samples.shift()
    this.#boots.delete(key)
    this.#boots.set(key, samples)
    const [oldest] = this.#boots.size > skewBootsMax ? this.#boots.keys() : []
    if (oldest !== undefined) this.#boots.delete(oldest)
  }

  of(boot: Boot): readonly number[] {
    return this.#boots.get(String(boot)) ?? []
  }
}

type Who = { readonly project: ProjectId; readonly deviceId: DeviceId }

/** The skew of a boot as far as it was seen; `null` where no message showed it. Without Postgres this session's messages are all there is. */
export const skewOf = async (
  { reads, log }: Pick<RecordingDeps, 'reads'> & { readonly log: Log },
  { project, deviceId }: Who,
  samples: ClockSamples,
  boot: Boot | null | undefined,
): Promise<number | null> => {
  if (boot === null || boot === undefined) return null
  const kept = await reads.skews(project, deviceId, String(boot)).catch((error: unknown) => {
    log.warn({ error, device: deviceId }, 'the clock of a boot is judged without its heartbeats')
    return []
  })
  return medianSkew([...samples.of(boot), ...kept])
}

/** Every time that the device was bound. Throws `StoreUnavailable`. */
export const bindingsOf = async (
  { ledger }: Pick<RecordingDeps, 'ledger'>,
  { project, deviceId }: Who,
): Promise<Evidence['bindings']> => {
  const { state } = await ledger.read(deviceStream(project, deviceId), device)
  return state.status === 'unknown' ? [] : state.bindings
}

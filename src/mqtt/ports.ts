import type { Random } from '../../protocol/base62.ts'
import type { BootWindow } from '../../protocol/boot-window.ts'
import type { DeviceId } from '../../protocol/ids.ts'
import type { Auth } from '../auth/ports.ts'
import type { Ingest } from '../ingest/ingest.ts'
import type { Log } from '../store/log.ts'
import type { Meter } from '../store/meter.ts'
import type { Rates } from './project-rates.ts'
import type { Recordings } from './recordings/recordings.ts'

/** What the broker needs of the rest of Lapel. */
export type BrokerDeps = {
  readonly auth: Pick<Auth, 'openSession' | 'closeSession' | 'lease'>
  readonly ingest: Pick<Ingest, 'add' | 'remember' | 'knows' | 'idle'>
  /** What the read model knows of a device's numbering; `undefined` where it cannot be asked. */
  readonly readWindow: (device: DeviceId) => Promise<BootWindow | undefined>
  /** Without it recordings are not served. */
  readonly recordings?: Pick<Recordings, 'take' | 'resume' | 'showClock'> | undefined
  readonly now: () => number
  readonly monotonic: () => number
  readonly random: Random
  readonly log: Log
  readonly meter: Meter
  readonly rates: Rates
}

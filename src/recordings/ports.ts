import type { ProjectId, RecordingId } from '../../protocol/ids.ts'
import type { Ledger } from '../store/ledger.ts'
import type { Log } from '../store/log.ts'
import type { Meter } from '../store/meter.ts'
import type { ObjectStore } from '../store/object-store.ts'
import type { Provenance } from '../store/record.ts'

export type Place = { readonly project: ProjectId; readonly recording: RecordingId }

/** What moving bytes needs of the rest of Lapel. */
export type BytesDeps = {
  readonly ledger: Ledger
  readonly objects: ObjectStore
  readonly log: Log
  readonly meter: Meter
  /** Milliseconds since 1970. */
  readonly now: () => number
  /** At most one runs under a name over all nodes; `undefined`: another holds it. */
  readonly exclusively: Exclusively
}

export type Exclusively = <Result>(
  name: string,
  work: () => Promise<Result>,
) => Promise<Result | undefined>

/** Lapel itself, on nobody's request. */
export const bySystem = ({ project }: Place): Provenance & { readonly project: ProjectId } => ({
  project,
  actor: 'system',
  requestId: null,
})

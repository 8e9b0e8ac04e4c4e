import type { AwaitedChunk } from '../../../projections/recording-chunks.ts'
import type { RecordingRow } from '../../../projections/tables.ts'
import type { DeviceId, ProjectId, RecordingId } from '../../../protocol/ids.ts'
import type { FollowedRecording } from '../../auth/followed-event.ts'
import type { Position } from '../../store/event-store.ts'
import type { Ledger } from '../../store/ledger.ts'
import type { ObjectStore } from '../../store/object-store.ts'

/** What the read models know. Each may throw when Postgres is down. */
export type RecordingReads = {
  /** Resolves when they stand for all that was stored up to a position; throws where that takes too long. */
  readonly reach: (position: Position) => Promise<void>
  readonly open: (project: ProjectId, device: DeviceId) => Promise<readonly RecordingRow[]>
  /** Those that ended lately. */
  readonly closed: (project: ProjectId, device: DeviceId) => Promise<readonly RecordingRow[]>
  readonly awaited: (project: ProjectId, id: RecordingId) => Promise<readonly AwaitedChunk[]>
  /** Received − device time of the heartbeats of that boot, in milliseconds. */
  readonly skews: (project: ProjectId, device: DeviceId, boot: string) => Promise<readonly number[]>
}

export type ObjectGrants = Pick<ObjectStore, 'presignPut'> & {
  /** Grants wait while it is not. */
  readonly isUp: () => boolean
  readonly onUp: (listener: () => void) => void
}

export type RecordingDeps = {
  readonly ledger: Pick<Ledger, 'transact' | 'read' | 'known'>
  /** Chunks that may have come into the object store; with none of them, whether the recording has all. */
  readonly hint: (
    place: { readonly project: ProjectId; readonly recording: RecordingId },
    indices: readonly number[],
  ) => void
  readonly reads: RecordingReads
  readonly objects: ObjectGrants
  /** Called with what this node follows in the log. */
  readonly onNews: (listener: (news: FollowedRecording) => void) => void
}

import type { Kysely } from 'kysely'
import { readSkews } from '../projections/boot-skew.ts'
import { awaitedChunksOf } from '../projections/recording-chunks.ts'
import {
  closedRecordingsOf,
  openRecordingsOf,
  recordingsAtWork,
} from '../projections/recordings.ts'
import type { Tables } from '../projections/tables.ts'
import { instantOf } from '../protocol/instant.ts'
import {
  grantsOutstandingMax,
  resumedRecordingsMax,
  resumeReadMsMax,
  skewSamplesMax,
} from '../protocol/limits.ts'
import type { FollowedRecording } from './auth/followed-event.ts'
import type { WorldReads } from './main-reads.ts'
import type { RecordingDeps, RecordingReads } from './mqtt/recordings/ports.ts'
import { Recordings } from './mqtt/recordings/recordings.ts'
import type { Projector } from './projecting/projector.ts'
import type { Ledger } from './store/ledger.ts'
import type { Log } from './store/log.ts'
import type { Meter } from './store/meter.ts'
import type { ObjectStore } from './store/object-store.ts'
import { watchObjectStore } from './store/object-store-watch.ts'
import { unpacked } from './store/packed.ts'

type Deps = {
  readonly ledger: Pick<Ledger, 'transact' | 'read' | 'known'>
  readonly hint: RecordingDeps['hint']
  readonly reads: WorldReads
  readonly projector: Pick<Projector, 'waitFor'>
  readonly objects: Pick<ObjectStore, 'presignPut' | 'check'>
  readonly now: () => number
  readonly log: Log
  readonly meter: Meter
}

/** What ended since then is told of again: its device may not know. */
const resumedClosedMs = 24 * 3_600_000

const readsOf = ({ reads, projector, now }: Deps): RecordingReads => ({
  reach: async (position) => {
    if (!(await projector.waitFor(position, resumeReadMsMax)))
      throw new Error('the read models are behind')
  },
  open: (project, deviceId) =>
    openRecordingsOf(reads(project), project, { deviceId, limit: resumedRecordingsMax }),
  closed: (project, deviceId) => {
    const since = instantOf(now() - resumedClosedMs)
    const page = { deviceId, since, limit: resumedRecordingsMax }
    return closedRecordingsOf(reads(project), project, page)
  },
  awaited: (project, id) => awaitedChunksOf(reads(project), id, 2 * grantsOutstandingMax),
  skews: (project, device, boot) =>
    readSkews(reads(project), { project, device, boot, limit: skewSamplesMax }, unpacked),
})

/** Recordings at the broker, and what the follower of the log is to call. */
export const openRecordings = (deps: Deps, closing: AsyncDisposableStack) => {
  const listeners: ((news: FollowedRecording) => void)[] = []
  const watch = watchObjectStore(deps.objects, deps)
  closing.defer(async () => watch.close())
  const { presignPut } = deps.objects
  const recordings = new Recordings({
    ...deps,
    reads: readsOf(deps),
    objects: { presignPut, isUp: watch.isUp, onUp: watch.onUp },
    onNews: (listener) => void listeners.push(listener),
  })
  const onRecording = (news: FollowedRecording): void => {
    for (const listener of listeners) listener(news)
  }
  return { recordings, onRecording }
}

/** Of all nodes together, as the read models know it; not a number while they cannot be asked. */
export const recordingGauges = (
  db: Kysely<Tables>,
  now: () => number,
): Readonly<Record<string, () => Promise<number>>> => {
  const ask = (of: (work: Awaited<ReturnType<typeof recordingsAtWork>>) => number) => () =>
    recordingsAtWork(db).then(of, () => Number.NaN)
  return {
    recordings_open: ask(({ open }) => open),
    recordings_oldest_gap_seconds: ask(({ oldestGapAt }) =>
      oldestGapAt === null ? 0 : (now() - Date.parse(oldestGapAt)) / 1_000,
    ),
  }
}

import { type Kysely, sql } from 'kysely'
import type { LogEvent } from './log-event.ts'
import { type CommonFilter, filtered, type Page, paged } from './page.ts'
import { ids, none, projection, type Touched } from './projection.ts'
import { foldRecording, forgotten } from './recording-fold.ts'
import type { RecordingRow, Tables } from './tables.ts'

const touched = (event: LogEvent): Touched => {
  if (event.kind === 'recording') return ids(event.subject)
  return event.kind === 'enduser' && event.event.type === 'EndUserErased'
    ? { where: 'sealed_for', is: event.subject }
    : none
}

/** One row a recording; what it holds of chunks are ranges, so that it stays small. */
export const recordings = projection<RecordingRow>({
  name: 'recordings',
  version: 1,
  key: 'id',
  columns: [
    'id',
    'project_id',
    'source',
    'device_id',
    'end_user_id',
    'binding_id',
    'quarantine_reason',
    'is_assigned',
    'skew_ms',
    'boot',
    'codec',
    'sample_rate',
    'channels',
    'name',
    'metadata',
    'sealed_for',
    'started_at',
    'ended_at',
    'duration_ms',
    'announced',
    'stored',
    'total_chunks',
    'total_bytes',
    'finish_reason',
    'finished_at',
    'media',
    'status',
    'stage',
    'is_open',
    'ended_how',
    'object',
    'object_bytes',
    'object_sha256',
    'merkle_root',
    'failure_reason',
    'missing',
    'closed_at',
    'deleted_at',
    'created_at',
    'updated_at',
    'revision',
  ],
  touches: touched,
  fold: (row, event, id) => {
    if (event.kind === 'recording') return foldRecording(row, event, id)
    return row && event.kind === 'enduser' ? forgotten(row) : row
  },
})

/** A deleted one is none. */
export const readRecording = (
  db: Kysely<Tables>,
  project: string,
  id: string,
): Promise<RecordingRow | undefined> =>
  db
    .selectFrom('live.recordings')
    .selectAll()
    .where('id', '=', id)
    .where('project_id', '=', project)
    .where(sql<boolean>`deleted_at is null`)
    .executeTakeFirst()

export type RecordingFilter = CommonFilter & {
  readonly status?: RecordingRow['status']
  readonly deviceId?: string
  readonly endUserId?: string
}

const conditionsOf = ({ status, deviceId, endUserId }: RecordingFilter) => [
  ...(status === undefined ? [] : [sql<boolean>`status = ${status}`]),
  ...(deviceId === undefined ? [] : [sql<boolean>`device_id = ${deviceId}`]),
  ...(endUserId === undefined ? [] : [sql<boolean>`end_user_id = ${endUserId}`]),
]

/** Newest first where nothing is said. */
export const listRecordings = (
  db: Kysely<Tables>,
  project: string,
  { filter = {}, ...page }: Page & { readonly filter?: RecordingFilter },
): Promise<RecordingRow[]> => {
  const all = db
    .selectFrom('live.recordings')
    .selectAll()
    .where('project_id', '=', project)
    .where(sql<boolean>`deleted_at is null`)
  const some = conditionsOf(filter).reduce((query, condition) => query.where(condition), all)
  return paged(filtered(some, filter), page).execute()
}

/** What a device goes on with: its open recordings, the oldest first. */
export const openRecordingsOf = (
  db: Kysely<Tables>,
  project: string,
  { deviceId, limit }: { readonly deviceId: string; readonly limit: number },
): Promise<RecordingRow[]> =>
  db
    .selectFrom('live.recordings')
    .selectAll()
    .where('device_id', '=', deviceId)
    .where('project_id', '=', project)
    .where(sql<boolean>`is_open`)
    .orderBy('created_at')
    .limit(limit)
    .execute()

/** What it may not know yet to be over, the newest first. */
export const closedRecordingsOf = (
  db: Kysely<Tables>,
  project: string,
  {
    deviceId,
    since,
    limit,
  }: { readonly deviceId: string; readonly since: string; readonly limit: number },
): Promise<RecordingRow[]> =>
  db
    .selectFrom('live.recordings')
    .selectAll()
    .where('device_id', '=', deviceId)
    .where('project_id', '=', project)
    .where(sql<boolean>`closed_at is not null and closed_at >= ${since}`)
    .orderBy('closed_at', 'desc')
    .limit(limit)
    .execute()

/** How many are open, and since when the oldest awaited chunk is awaited; over all projects. */
export const recordingsAtWork = async (
  db: Kysely<Tables>,
): Promise<{ readonly open: number; readonly oldestGapAt: string | null }> => {
  const { rows } = await sql<{ open: string; oldest: string | null }>`
    select (select count(*) from live.recordings where is_open) as open,
      (select c.announced_at from live.recording_chunks c where c.object is null order by c.announced_at limit 1) as oldest`.execute(
    db,
  )
  return { open: Number(rows[0]?.open ?? 0), oldestGapAt: rows[0]?.oldest ?? null }
}

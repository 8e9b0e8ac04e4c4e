import { type Ranges, withNumbers, withoutNumber } from '../protocol/ranges.ts'
import { stageBy } from '../protocol/recording-status.ts'
import type { LogEvent } from './log-event.ts'
import { textOr } from './projection.ts'
import type { MediaEntry, Metadata, RecordingRow } from './tables.ts'

export type RecordingLogEvent = LogEvent & { kind: 'recording' }
type Fact = RecordingLogEvent['event']
type Of<Type extends Fact['type']> = Extract<Fact, { type: Type }>['data']

const int8 = (value: number | null): string | null => (value === null ? null : String(value))

const ownerIn = (data: Of<'RecordingOwnerDecided'>) => ({
  end_user_id: data.end_user_id,
  binding_id: data.binding_id,
  quarantine_reason: data.quarantine_reason ?? null,
  skew_ms: int8(data.skew_ms),
})

const detailsIn = (data: Of<'RecordingStarted'>) => ({
  boot: data.boot === null ? null : String(data.boot),
  codec: data.codec,
  sample_rate: data.sample_rate,
  channels: data.channels ?? null,
  started_at: data.started_at,
})

/** What people wrote. A box for another reader holds all of it, as nobody can open both. */
const writtenIn = (
  before: Pick<RecordingRow, 'name' | 'metadata' | 'sealed_for'>,
  {
    sealed,
    sealed_for = null,
  }: { sealed?: string | undefined; sealed_for?: string | null | undefined },
  opened: RecordingLogEvent['opened'],
) => {
  if (sealed === undefined) return {}
  const base = before.sealed_for === sealed_for ? before : { name: null, metadata: {} }
  return {
    name: textOr(opened, 'name', base.name),
    metadata: (opened?.['metadata'] as Metadata | undefined) ?? base.metadata,
    sealed_for,
  }
}

const nothingWritten = { name: null, metadata: {}, sealed_for: null }

/** As it begins; what follows from all of it is `derived`. */
const begun = (
  { at, project, opened }: RecordingLogEvent,
  data: Of<'RecordingStarted'>,
  id: string,
): RecordingRow => ({
  id,
  project_id: project ?? '',
  source: data.source,
  device_id: data.device_id,
  ...ownerIn(data),
  is_assigned: false,
  ...detailsIn(data),
  ...nothingWritten,
  ...writtenIn({ ...nothingWritten, sealed_for: data.sealed_for ?? null }, data, opened),
  ended_at: data.ended_at ?? null,
  duration_ms: null,
  announced: [],
  stored: [],
  total_chunks: null,
  total_bytes: null,
  finish_reason: null,
  finished_at: null,
  media: [],
  status: 'pending',
  stage: 'pending',
  is_open: true,
  ended_how: null,
  object: null,
  object_bytes: null,
  object_sha256: null,
  merkle_root: null,
  failure_reason: null,
  missing: null,
  closed_at: null,
  deleted_at: null,
  created_at: at,
  updated_at: at,
  revision: '0',
})

const mediaIn = (data: Of<'MediaAnnounced'>, at: string): MediaEntry => ({
  id: data.media_id,
  type: data.type,
  content_type: data.content_type,
  bytes: data.bytes ?? null,
  sha256: data.sha256 ?? null,
  captured_at: data.captured_at ?? null,
  created_at: at,
  object: null,
})

const mediaStored = (media: readonly MediaEntry[], data: Of<'MediaStored'>) =>
  media.map((one) => {
    const { media_id, object, bytes, sha256 } = data
    return one.id === media_id ? { ...one, object, bytes, sha256 } : one
  })

const indices = (chunks: readonly { readonly index: number }[]): readonly number[] =>
  chunks.map(({ index }) => index)

const finished = (data: Of<'RecordingFinished'>, at: string) => ({
  total_chunks: data.total_chunks,
  total_bytes: String(data.total_bytes),
  duration_ms: String(data.duration_ms),
  ended_at: data.ended_at,
  finish_reason: data.reason,
  finished_at: at,
})

const stitched = (data: Of<'RecordingStitched'>, at: string) => ({
  ended_how: 'stitched' as const,
  object: data.object,
  object_bytes: String(data.bytes),
  object_sha256: data.sha256,
  merkle_root: data.merkle_root,
  closed_at: at,
})

/** Its start came after what it began with. */
const detailed = (
  row: RecordingRow,
  data: Of<'RecordingStarted'>,
  opened: RecordingLogEvent['opened'],
) => ({
  ...detailsIn(data),
  ...(row.is_assigned ? {} : ownerIn(data)),
  ...writtenIn(row, data, opened),
})

const changed = (
  row: RecordingRow,
  { event, opened, at }: RecordingLogEvent,
): Partial<RecordingRow> => {
  switch (event.type) {
    case 'RecordingStarted':
      return detailed(row, event.data, opened)
    case 'RecordingOwnerDecided':
      return ownerIn(event.data)
    case 'RecordingUpdated':
      return writtenIn(row, event.data, opened)
    case 'MediaAnnounced':
      return { media: [...row.media, mediaIn(event.data, at)] }
    case 'MediaStored':
      return {
        media: mediaStored(row.media, event.data),
        duration_ms: int8(event.data.duration_ms ?? null) ?? row.duration_ms,
      }
    case 'ChunksAnnounced':
      return { announced: withNumbers(row.announced, indices(event.data.chunks)) }
    case 'ChunksStored':
      return { stored: withNumbers(row.stored, indices(event.data.chunks)) }
    case 'ChunkRefused':
      return { stored: withoutNumber(row.stored, event.data.index) }
    case 'RecordingFinished':
      return finished(event.data, at)
    case 'RecordingStitched':
      return stitched(event.data, at)
    case 'RecordingIncomplete':
      return { ended_how: 'incomplete', missing: event.data.missing as Ranges, closed_at: at }
    case 'RecordingFailed':
      return { ended_how: 'failed', failure_reason: event.data.reason, closed_at: at }
    case 'RecordingAssigned':
      return { end_user_id: event.data.end_user_id, quarantine_reason: null, is_assigned: true }
    case 'RecordingDeleted':
      return { deleted_at: at, name: null, metadata: {} }
  }
}

const derived = (row: RecordingRow): RecordingRow => {
  const stage = stageBy({
    source: row.source,
    announced: row.announced,
    stored: row.stored,
    totalChunks: row.total_chunks,
    end: row.ended_how,
    storedFiles: row.media.filter(({ object }) => object !== null).length,
  })
  const status = row.quarantine_reason === null ? stage : 'quarantined'
  return {
    ...row,
    stage,
    status: row.deleted_at === null ? status : 'deleted',
    is_open: row.deleted_at === null && row.ended_how === null && stage !== 'uploaded',
  }
}

export const foldRecording = (
  row: RecordingRow | undefined,
  event: RecordingLogEvent,
  id: string,
): RecordingRow | undefined => {
  const now = { updated_at: event.at, revision: String(event.revision) }
  if (row) return derived({ ...row, ...changed(row, event), ...now })
  return event.event.type === 'RecordingStarted'
    ? derived({ ...begun(event, event.event.data, id), ...now })
    : undefined
}

/** Who wrote it was erased. */
export const forgotten = (row: RecordingRow): RecordingRow => ({ ...row, name: null, metadata: {} })

import type { RecordingRow } from '../../projections/tables.ts'
import { derivedId, type MediaId, type ProjectId } from '../../protocol/ids.ts'
import { watermarkRangesMax } from '../../protocol/limits.ts'
import { type Codec, stitchedTypes } from '../../protocol/media.ts'
import { gapsIn, highest, type Ranges, sizeOf } from '../../protocol/ranges.ts'
import type { KnownRecording, Media, Written } from '../domain/recording/state.ts'
import { statusOf } from '../domain/recording/status.ts'
import { open } from '../store/seal.ts'
import type { HttpDeps } from './ports.ts'

/** An object of a recording that can be downloaded, or will be. */
export type ShownMedia = {
  readonly id: string
  readonly type: string
  readonly contentType: string
  readonly bytes: number | null
  readonly sha256: string | null
  readonly capturedAt: string | null
  readonly createdAt: string
  /** Its key; `null` until it is stored. */
  readonly object: string | null
}

type Whole = { readonly object: string; readonly bytes: number; readonly sha256: string }

/** The id under which the one object of a recording's chunks is downloaded. */
const wholeId = (recording: string): MediaId => derivedId('med_', Buffer.from(`${recording}/whole`))

const extensionTypes = new Map(
  Object.values(stitchedTypes).map(({ extension, contentType }) => [extension, contentType]),
)

const wholeOf = (recording: string, createdAt: string, { object, bytes, sha256 }: Whole) => ({
  id: wholeId(recording),
  type: 'audio',
  contentType:
    extensionTypes.get(object.slice(object.lastIndexOf('.') + 1) as 'ogg') ??
    'application/octet-stream',
  bytes,
  sha256,
  capturedAt: null,
  createdAt,
  object,
})

export const mediaOfRow = (row: RecordingRow): readonly ShownMedia[] => {
  const files = row.media.map(({ content_type, captured_at, created_at, ...rest }) => ({
    ...rest,
    contentType: content_type,
    capturedAt: captured_at,
    createdAt: created_at,
  }))
  const { object, object_bytes: bytes, object_sha256: sha256 } = row
  if (object === null || sha256 === null) return files
  const whole = { object, bytes: Number(bytes), sha256 }
  return [...files, wholeOf(row.id, row.closed_at ?? row.updated_at, whole)]
}

const fileOf = ({ mediaId, type, contentType, announcedAt, capturedAt, ...rest }: Media) => ({
  id: mediaId,
  type,
  contentType,
  bytes: rest.stored?.bytes ?? rest.bytes,
  sha256: rest.stored?.sha256 ?? rest.sha256,
  capturedAt,
  createdAt: announcedAt,
  object: rest.stored?.object ?? null,
})

const mediaOfFold = (state: KnownRecording): readonly ShownMedia[] => {
  const files = state.media.map(fileOf)
  return state.end?.kind === 'stitched'
    ? [...files, wholeOf(state.recordingId, state.updatedAt, state.end)]
    : files
}

const showMedia = (one: ShownMedia) => ({
  id: one.id,
  type: one.type,
  mime_type: one.contentType,
  file_size_bytes: one.bytes,
  content_sha256: one.sha256,
  status: one.object === null ? 'pending' : 'uploaded',
  captured_at: one.capturedAt,
  created_at: one.createdAt,
})

const showChunks = (announced: Ranges, stored: Ranges, total: number | null) => ({
  stored: sizeOf(stored),
  announced: sizeOf(announced),
  total,
  missing: gapsIn(stored, total ?? highest(announced), watermarkRangesMax),
})

const numberIn = (value: string | null): number | null => (value === null ? null : Number(value))

/** A recording as its row tells it (`recordingReply`). */
export const recordingOfRow = (row: RecordingRow): object => ({
  id: row.id,
  project_id: row.project_id,
  device_id: row.device_id,
  end_user_id: row.end_user_id,
  source: row.source,
  name: row.name,
  status: row.status,
  quarantine_reason: row.quarantine_reason,
  failure_reason: row.failure_reason,
  codec: row.codec,
  sample_rate: row.sample_rate,
  duration_ms: numberIn(row.duration_ms),
  started_at: row.started_at,
  ended_at: row.ended_at,
  transcription_id: null,
  chunks: showChunks(row.announced, row.stored, row.total_chunks),
  media: mediaOfRow(row).map(showMedia),
  metadata: row.metadata,
  created_at: row.created_at,
  updated_at: row.updated_at,
})

/** What people wrote about a recording, each box under the key that it was sealed with; what cannot be opened is left out. */
export const openWritten = async (
  { vault }: Pick<HttpDeps, 'vault'>,
  recording: string,
  written: readonly Written[],
): Promise<Readonly<Record<string, unknown>>> => {
  const opened: Record<string, unknown>[] = []
  for (const { sealed, sealedFor } of written) {
    const key = await vault.keyOf(sealedFor ?? recording).catch(() => undefined)
    opened.push((key && open(sealed, key)) ?? {})
  }
  return Object.assign({}, ...opened)
}

const failureOf = ({ end }: KnownRecording): string | null =>
  end?.kind === 'failed' ? end.reason : null

/** The same as its stream tells it. */
export const recordingOfFold = async (
  deps: Pick<HttpDeps, 'vault'>,
  project: ProjectId,
  state: KnownRecording,
): Promise<object> => {
  const { chunks, finish } = state
  const written = await openWritten(deps, state.recordingId, state.written)
  return {
    id: state.recordingId,
    project_id: project,
    device_id: state.deviceId,
    end_user_id: state.endUserId,
    source: state.source,
    name: written['name'] ?? null,
    status: statusOf(state),
    quarantine_reason: state.quarantineReason,
    failure_reason: failureOf(state),
    codec: state.codec satisfies Codec | null,
    sample_rate: state.sampleRate,
    duration_ms: finish?.durationMs ?? state.durationMs,
    started_at: state.startedAt,
    ended_at: finish?.endedAt ?? state.endedAt,
    transcription_id: null,
    chunks: showChunks(chunks.announced, chunks.stored, finish?.totalChunks ?? null),
    media: mediaOfFold(state).map(showMedia),
    metadata: written['metadata'] ?? {},
    created_at: state.createdAt,
    updated_at: state.updatedAt,
  }
}

import { type Kysely, sql } from 'kysely'
import type { LogEvent } from './log-event.ts'
import { none, projection, type Touched } from './projection.ts'
import type { RecordingLogEvent } from './recording-fold.ts'
import type { RecordingChunkRow, Tables } from './tables.ts'

const indexDigits = 6

/** Sorts as the chunks do. */
const idOf = (recording: string, index: number): string =>
  `${recording}/${String(index).padStart(indexDigits, '0')}`

const touched = (event: LogEvent): Touched => {
  if (event.kind !== 'recording') return none
  const { event: fact, subject } = event
  switch (fact.type) {
    case 'ChunksAnnounced':
    case 'ChunksStored':
      return { ids: fact.data.chunks.map(({ index }) => idOf(subject, index)) }
    case 'ChunkRefused':
      return { ids: [idOf(subject, fact.data.index)] }
    case 'RecordingDeleted':
      return { gone: 'recording_id', is: subject }
    default:
      return none
  }
}

type Chunks = readonly { readonly index: number }[]

// An event is folded into the row of each of its chunks: sorted by index once.
const sorted = new WeakMap<Chunks, ReadonlyMap<string, Chunks[number]>>()

const chunkOf = <Chunk extends { readonly index: number }>(
  chunks: readonly Chunk[],
  recording: string,
  id: string,
): Chunk | undefined => {
  const known = sorted.get(chunks)
  const byId = known ?? new Map(chunks.map((chunk) => [idOf(recording, chunk.index), chunk]))
  if (!known) sorted.set(chunks, byId)
  return byId.get(id) as Chunk | undefined
}

const announced = (event: RecordingLogEvent, id: string): RecordingChunkRow | undefined => {
  const { event: fact, subject, project, at } = event
  const chunk = fact.type === 'ChunksAnnounced' ? chunkOf(fact.data.chunks, subject, id) : undefined
  return (
    chunk && {
      id,
      recording_id: subject,
      project_id: project ?? '',
      index: chunk.index,
      bytes: String(chunk.bytes),
      sha256: chunk.sha256,
      started_at: chunk.started_at,
      duration_ms: chunk.duration_ms === null ? null : String(chunk.duration_ms),
      announced_at: at,
      attempt: 0,
      object: null,
      stored_at: null,
      refused_because: null,
    }
  )
}

const changed = (row: RecordingChunkRow, event: RecordingLogEvent): RecordingChunkRow => {
  const { event: fact, subject, at } = event
  switch (fact.type) {
    case 'ChunksStored': {
      const chunk = chunkOf(fact.data.chunks, subject, row.id)
      return chunk ? { ...row, object: chunk.object, stored_at: at } : row
    }
    case 'ChunkRefused': {
      const { reason } = fact.data
      const attempt = reason === 'lost' ? row.attempt : row.attempt + 1
      return { ...row, attempt, object: null, stored_at: null, refused_because: reason }
    }
    default:
      return row
  }
}

/** One row a chunk: what is awaited is found without its recording. */
export const recordingChunks = projection<RecordingChunkRow>({
  name: 'recording_chunks',
  version: 1,
  key: 'id',
  columns: [
    'id',
    'recording_id',
    'project_id',
    'index',
    'bytes',
    'sha256',
    'started_at',
    'duration_ms',
    'announced_at',
    'attempt',
    'object',
    'stored_at',
    'refused_because',
  ],
  touches: touched,
  fold: (row, event, id) => {
    if (event.kind !== 'recording') return row
    return row ? changed(row, event) : announced(event, id)
  },
})

export type AwaitedChunk = Pick<RecordingChunkRow, 'index' | 'bytes' | 'sha256' | 'attempt'>

/** Announced and not stored, the lowest first. */
export const awaitedChunksOf = (
  db: Kysely<Tables>,
  recording: string,
  limit: number,
): Promise<AwaitedChunk[]> =>
  db
    .selectFrom('live.recording_chunks')
    .select(['index', 'bytes', 'sha256', 'attempt'])
    .where('recording_id', '=', recording)
    .where(sql<boolean>`object is null`)
    .orderBy('index')
    .limit(limit)
    .execute()

/** In order, after an index. */
export const chunksOf = (
  db: Kysely<Tables>,
  recording: string,
  { after, limit }: { readonly after: number; readonly limit: number },
): Promise<RecordingChunkRow[]> =>
  db
    .selectFrom('live.recording_chunks')
    .selectAll()
    .where('recording_id', '=', recording)
    .where('index', '>', after)
    .orderBy('index')
    .limit(limit)
    .execute()

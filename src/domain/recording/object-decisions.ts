import type { RecordingEvent } from '../../../protocol/events/lifecycle.ts'
import type { MediaId } from '../../../protocol/ids.ts'
import { type Instant, msOf } from '../../../protocol/instant.ts'
import { mediaPerRecordingMax } from '../../../protocol/limits.ts'
import type { MediaKind } from '../../../protocol/media.ts'
import { type Decision, type Refusal, refuse, yielding } from '../decision.ts'
import { chunkAt, isAwaited, type StoredChunk } from './chunks.ts'
import type { KnownRecording, Media, Recording, StoredObject } from './state.ts'
import { isClosed, isComplete, missingOf, stageOf } from './status.ts'

/** What was found in the object store, and what became of it. */

type Unusable = 'unknown-recording' | 'closed'

const usable = (state: Recording): KnownRecording | Unusable => {
  if (state.kind === 'unknown') return 'unknown-recording'
  return isClosed(state) ? 'closed' : state
}

export type StoredOutcome =
  | { readonly kind: 'stored' | 'known'; readonly fresh: readonly number[] }
  | Refusal<Unusable>

/** Chunks that are there as they were announced; what is stored already, or was never announced so, is passed over. */
export const storeChunks =
  (args: { readonly chunks: readonly StoredChunk[] }) =>
  (state: Recording): Decision<StoredOutcome, RecordingEvent> => {
    const known = usable(state)
    if (typeof known === 'string') return refuse(known)
    const byIndex = new Map(args.chunks.map((chunk) => [chunk.index, chunk]))
    const news = [...byIndex.values()].filter((chunk) => isAwaited(known.chunks, chunk))
    const fresh = news.map(({ index }) => index)
    if (fresh.length === 0) return yielding({ kind: 'known', fresh })
    return yielding({ kind: 'stored', fresh }, { type: 'ChunksStored', data: { chunks: news } })
  }

export type RefusedChunk = {
  readonly index: number
  readonly sha256: string
  readonly reason: 'length_mismatch' | 'checksum_mismatch' | 'lost'
  /** The attempt that was looked at; an older one says nothing any more. */
  readonly attempt: number
}
export type RefusedOutcome = { readonly kind: 'refused-chunk' | 'known' } | Refusal<Unusable>

/** What was put is not what was announced, or is there no more: the device is asked again. */
export const refuseChunk =
  ({ attempt, ...args }: RefusedChunk) =>
  (state: Recording): Decision<RefusedOutcome, RecordingEvent> => {
    const known = usable(state)
    if (typeof known === 'string') return refuse(known)
    const chunk = chunkAt(known.chunks, args.index)
    const isMeant = chunk?.sha256 === args.sha256 && chunk.attempt === attempt
    const isStored = chunk !== undefined && chunk.object !== null
    if (!isMeant || isStored !== (args.reason === 'lost')) return yielding({ kind: 'known' })
    return yielding({ kind: 'refused-chunk' }, { type: 'ChunkRefused', data: args })
  }

export type StitchOutcome =
  | { readonly kind: 'stitched' | 'known' }
  | Refusal<'not-complete' | Unusable>

/** All of it in one object. */
export const stitch =
  (args: StoredObject & { readonly merkleRoot: string }) =>
  (state: Recording): Decision<StitchOutcome, RecordingEvent> => {
    if (state.kind === 'known' && state.end?.kind === 'stitched' && state.deletedAt === null)
      return yielding({ kind: 'known' })
    const known = usable(state)
    if (typeof known === 'string') return refuse(known)
    if (!isComplete(known)) return refuse('not-complete')
    const { object, bytes, sha256, merkleRoot } = args
    const data = { object, bytes, sha256, merkle_root: merkleRoot }
    return yielding({ kind: 'stitched' }, { type: 'RecordingStitched', data })
  }

export type FailOutcome = { readonly kind: 'failed' | 'known' } | Refusal<Unusable>

/** `reason`: lower-case letters, digits and underscores. */
export const fail =
  (args: { readonly reason: string }) =>
  (state: Recording): Decision<FailOutcome, RecordingEvent> => {
    if (state.kind === 'known' && state.end?.kind === 'failed' && state.deletedAt === null)
      return yielding({ kind: 'known' })
    const known = usable(state)
    if (typeof known === 'string') return refuse(known)
    return yielding({ kind: 'failed' }, { type: 'RecordingFailed', data: { reason: args.reason } })
  }

export type GiveUpOutcome =
  | { readonly kind: 'incomplete' | 'known' }
  | Refusal<'not-finished' | 'complete' | 'too-early' | Unusable>

/** Chunks that did not come within `afterMs` of the finish do not come any more. */
export const giveUp =
  (args: { readonly at: Instant; readonly afterMs: number }) =>
  (state: Recording): Decision<GiveUpOutcome, RecordingEvent> => {
    if (state.kind === 'known' && state.end?.kind === 'incomplete' && state.deletedAt === null)
      return yielding({ kind: 'known' })
    const known = usable(state)
    if (typeof known === 'string') return refuse(known)
    if (!known.finish) return refuse('not-finished')
    if (isComplete(known)) return refuse('complete')
    if (msOf(args.at) - msOf(known.finish.at) < args.afterMs) return refuse('too-early')
    const missing = missingOf(known, Number.POSITIVE_INFINITY).map(
      ([from, to]): [number, number] => [from, to],
    )
    return yielding({ kind: 'incomplete' }, { type: 'RecordingIncomplete', data: { missing } })
  }

export type NewMedia = {
  readonly mediaId: MediaId
  readonly type: MediaKind
  readonly contentType: string
  readonly bytes?: number | undefined
  readonly sha256?: string | undefined
  readonly capturedAt?: Instant | undefined
}
export type AnnounceMediaOutcome =
  | { readonly kind: 'announced' | 'known' }
  | Refusal<'not-pending' | 'too-many' | Unusable>

/** A file of its own. A recording has files or chunks, never both. */
export const announceMedia =
  ({ mediaId, type, contentType, bytes, sha256, capturedAt }: NewMedia) =>
  (state: Recording): Decision<AnnounceMediaOutcome, RecordingEvent> => {
    const known = usable(state)
    if (typeof known === 'string') return refuse(known)
    if (known.media.some((one) => one.mediaId === mediaId)) return yielding({ kind: 'known' })
    if (stageOf(known) !== 'pending') return refuse('not-pending')
    if (known.media.length >= mediaPerRecordingMax) return refuse('too-many')
    const data = {
      media_id: mediaId,
      type,
      content_type: contentType,
      ...(bytes !== undefined && { bytes }),
      ...(sha256 !== undefined && { sha256 }),
      ...(capturedAt !== undefined && { captured_at: capturedAt }),
    }
    return yielding({ kind: 'announced' }, { type: 'MediaAnnounced', data })
  }

export type FoundMedia = StoredObject & {
  readonly mediaId: MediaId
  readonly durationMs?: number | undefined
}
export type StoreMediaOutcome =
  | { readonly kind: 'stored' | 'known' }
  | Refusal<'unknown-media' | 'another-content' | Unusable>

const fits = (media: Media, found: FoundMedia): boolean =>
  (media.bytes === null || media.bytes === found.bytes) &&
  (media.sha256 === null || media.sha256 === found.sha256)

const faultOf = (
  { media }: KnownRecording,
  found: FoundMedia,
): 'unknown-media' | 'another-content' | undefined => {
  const known = media.find(({ mediaId }) => mediaId === found.mediaId)
  if (!known) return 'unknown-media'
  return fits(known, found) ? undefined : 'another-content'
}

const storedMedia = ({
  mediaId,
  object,
  bytes,
  sha256,
  durationMs,
}: FoundMedia): RecordingEvent => ({
  type: 'MediaStored',
  data: {
    media_id: mediaId,
    object,
    bytes,
    sha256,
    ...(durationMs !== undefined && { duration_ms: durationMs }),
  },
})

/** Files that are there, all in one append. */
export const storeMedia =
  (args: { readonly media: readonly FoundMedia[] }) =>
  (state: Recording): Decision<StoreMediaOutcome, RecordingEvent> => {
    const known = usable(state)
    if (typeof known === 'string') return refuse(known)
    const fault = args.media.map((found) => faultOf(known, found)).find((one) => one !== undefined)
    if (fault !== undefined) return refuse(fault)
    const isStored = new Set(known.media.flatMap((one) => (one.stored ? [one.mediaId] : [])))
    const fresh = args.media.filter(({ mediaId }) => !isStored.has(mediaId))
    return yielding({ kind: fresh.length > 0 ? 'stored' : 'known' }, ...fresh.map(storedMedia))
  }

import { type Instant, instantOf, msOf } from '../../../protocol/instant.ts'
import { sizeOf } from '../../../protocol/ranges.ts'
import type { FinalizeBody, UploadCompleteBody } from '../../../protocol/recording-requests.ts'
import { everyChunk } from '../../domain/recording/chunks.ts'
import { finish } from '../../domain/recording/device-decisions.ts'
import { type FoundMedia, storeMedia } from '../../domain/recording/object-decisions.ts'
import { type KnownRecording, type Media, recording } from '../../domain/recording/state.ts'
import { hashOfObject } from '../../store/object-check.ts'
import { recordingStream } from '../../store/streams.ts'
import type { Command } from '../commands.ts'
import type { HttpDeps } from '../ports.ts'
import { refusal } from '../refusals.ts'
import { type Present, presentOf } from './recordings.ts'
import { isStreaming, keyOfMedia } from './upload-url.ts'

type Deps = Pick<HttpDeps, 'ledger' | 'objects' | 'log'>
type Complete = Command<UploadCompleteBody>

const look = async (
  { objects }: Deps,
  { by }: Complete,
  state: KnownRecording,
  media: Media,
): Promise<FoundMedia | undefined> => {
  const object = keyOfMedia(by.project, state, media)
  const head = await objects.head(object)
  const sha256 = head && (head.sha256 ?? (await hashOfObject(objects, object)))
  if (!head || sha256 === undefined) return undefined
  return { mediaId: media.mediaId, object, bytes: head.bytes, sha256 }
}

/** What the caller says of the file holds where it was one. */
const isAsSaid = (found: readonly FoundMedia[], { body }: Complete): boolean => {
  const [one, ...others] = found
  if (!one || others.length > 0) return true
  const { content_sha256 = one.sha256, file_size_bytes = one.bytes } = body
  return content_sha256 === one.sha256 && file_size_bytes === one.bytes
}

const isAsAnnounced = ({ media }: KnownRecording, found: FoundMedia): boolean =>
  media.some(
    ({ mediaId, bytes, sha256 }) =>
      mediaId === found.mediaId &&
      (bytes === null || bytes === found.bytes) &&
      (sha256 === null || sha256 === found.sha256),
  )

/** What is another content is taken away, so that its key is free for the right one. */
const setAside = async (
  { objects, log }: Deps,
  state: KnownRecording,
  found: readonly FoundMedia[],
) => {
  log.warn({ recording: state.recordingId }, 'an upload is not what was announced')
  await objects.delete(found.map(({ object }) => object))
  throw refusal('another-content')
}

/** The files that are there, all of them as they were announced; throws 409 otherwise. */
const lookAtAll = async (deps: Deps, command: Complete, state: KnownRecording) => {
  const looked: FoundMedia[] = []
  for (const media of state.media) {
    const found = await look(deps, command, state, media)
    if (found) looked.push(found)
  }
  if (looked.length === 0) throw refusal('not-uploaded')
  const isWrong = (found: FoundMedia) => !isAsAnnounced(state, found)
  const wrong = isAsSaid(looked, command) ? looked.filter(isWrong) : looked
  if (wrong.length > 0) await setAside(deps, state, wrong)
  return looked
}

/** How long it lasts, as far as the caller can mean but one file. */
const withDuration = (found: readonly FoundMedia[], { body }: Complete): readonly FoundMedia[] => {
  const [one, ...others] = found
  const { duration_seconds: seconds } = body
  if (!one || others.length > 0 || seconds === undefined) return found
  return [{ ...one, durationMs: Math.round(seconds * 1_000) }]
}

/**
 * Believes in the files that are in the object store as they were announced. Those that are not there do not count. Throws 409 while
 * there is none, or for another content, which is taken away.
 */
export const completeUpload =
  (deps: Deps) =>
  async ({ state, ...present }: Present, command: Complete) => {
    if (isStreaming(state)) throw refusal('not-pending')
    if (state.media.some(({ stored }) => stored !== null))
      return { state, ...present, isReplayed: false }
    const media = withDuration(await lookAtAll(deps, command, state), command)
    const stream = recordingStream(command.by.project, state.recordingId)
    const decide = () => storeMedia({ media })
    return presentOf(await deps.ledger.transact(stream, recording, decide, command.by))
  }

const endOf = ({ startedAt }: KnownRecording, durationMs: number): Instant =>
  instantOf(msOf(startedAt) + durationMs)

const bytesOf = ({ chunks }: KnownRecording): number => {
  let bytes = 0
  for (const chunk of everyChunk(chunks)) bytes += chunk.bytes
  return bytes
}

/** Says that a streaming recording has all of its chunks. Throws 422 while another number of them is known. */
export const finalizeRecording =
  ({ ledger }: Pick<HttpDeps, 'ledger'>) =>
  async ({ state }: Present, { by, body }: Command<FinalizeBody>) => {
    if (!isStreaming(state)) throw refusal('not-streaming')
    if (sizeOf(state.chunks.announced) !== body.total_chunks) throw refusal('fewer-than-announced')
    const args = {
      deviceId: state.deviceId,
      totalChunks: body.total_chunks,
      totalBytes: bytesOf(state),
      durationMs: body.final_duration_ms,
      endedAt: endOf(state, body.final_duration_ms),
      reason: null,
    }
    const stream = recordingStream(by.project, state.recordingId)
    return presentOf(await ledger.transact(stream, recording, () => finish(args), by))
  }

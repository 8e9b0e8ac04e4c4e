import {
  rootOfChunks,
  type SignedCertificate,
  signCertificate,
} from '../../../protocol/certificate.ts'
import { leafHash } from '../../../protocol/envelope.ts'
import type { StreamKind } from '../../../protocol/events/lifecycle.ts'
import type { DeviceId, ProjectId } from '../../../protocol/ids.ts'
import { instantOf } from '../../../protocol/instant.ts'
import { readPageEventsMax } from '../../../protocol/limits.ts'
import { everyChunk } from '../../domain/recording/chunks.ts'
import type { KnownRecording } from '../../domain/recording/state.ts'
import { newestOf } from '../../store/keyring.ts'
import type { RecordedEvent } from '../../store/record.ts'
import { deviceStream, recordingStream, type StreamName } from '../../store/streams.ts'
import type { HttpDeps } from '../ports.ts'
import { refusal } from '../refusals.ts'
import type { Present } from './recordings.ts'

type Deps = Pick<HttpDeps, 'ledger' | 'secrets' | 'now'>

async function* eventsOf<Kind extends StreamKind>({ ledger }: Deps, stream: StreamName<Kind>) {
  for (let from = 0; ; from += readPageEventsMax) {
    const page = { from, count: readPageEventsMax, order: 'asc' } as const
    const { events } = await ledger.history(stream, page)
    yield* events
    if (events.length < readPageEventsMax) return
  }
}

const logged = (event: RecordedEvent) => ({
  type: event.type,
  stream: event.stream,
  revision: event.revision,
  position: `${event.position}`,
  at: event.at,
  leaf: leafHash(event.envelope.a),
})
type Logged = ReturnType<typeof logged>

// What each chunk went through is thousands of events; the chunks themselves are in the certificate.
const ofChunks: readonly string[] = ['ChunksAnnounced', 'ChunksStored', 'ChunkRefused']

const decisiveEvents = async (deps: Deps, project: ProjectId, { recordingId }: KnownRecording) => {
  const events: Logged[] = []
  for await (const event of eventsOf(deps, recordingStream(project, recordingId)))
    if (!ofChunks.includes(event.type)) events.push(logged(event))
  return events
}

type Binding = { readonly since: Logged | undefined; readonly until: Logged | undefined }

/** The events that began and ended a binding. */
const bindingOf = async (
  deps: Deps,
  project: ProjectId,
  { deviceId, bindingId }: { readonly deviceId: DeviceId; readonly bindingId: string },
): Promise<Binding> => {
  let since: Logged | undefined
  let until: Logged | undefined
  for await (const event of eventsOf(deps, deviceStream(project, deviceId))) {
    if (event.type === 'DeviceBound' && event.data.binding_id === bindingId) since = logged(event)
    if (event.type === 'DeviceUnbound' && event.data.binding_id === bindingId) until = logged(event)
  }
  return { since, until }
}

const noBinding: Binding = { since: undefined, until: undefined }

const partsOf = ({ chunks, finish }: KnownRecording) =>
  [...everyChunk(chunks)]
    .slice(0, finish?.totalChunks)
    .map(({ index, bytes, sha256 }) => ({ index, bytes, sha256 }))

/** What proves, with the public key alone, that a recording is complete, what it is made of and whose it is. */
export const certify =
  (deps: Deps) =>
  async (project: ProjectId, { state }: Present): Promise<SignedCertificate> => {
    const { end, finish, deviceId, bindingId } = state
    if (end?.kind !== 'stitched') throw refusal('not-stitched')
    const binding =
      deviceId !== null && bindingId !== null
        ? await bindingOf(deps, project, { deviceId, bindingId })
        : noBinding
    const chunks = partsOf(state)
    const [, pair] = newestOf(deps.secrets.signing)
    return signCertificate(
      {
        v: 1,
        project,
        recording_id: state.recordingId,
        device_id: deviceId,
        codec: state.codec,
        started_at: state.startedAt,
        ended_at: finish?.endedAt ?? null,
        duration_ms: finish?.durationMs ?? null,
        owner: {
          end_user_id: state.endUserId,
          binding_id: bindingId,
          since: binding.since?.at ?? null,
          until: binding.until?.at ?? null,
        },
        chunks,
        merkle_root: rootOfChunks(chunks.map(({ sha256 }) => sha256)),
        object: { bytes: end.bytes, sha256: end.sha256 },
        events: [
          ...[binding.since, binding.until].flatMap((event) => event ?? []),
          ...(await decisiveEvents(deps, project, state)),
        ],
        issued_at: instantOf(deps.now()),
      },
      pair,
    )
  }

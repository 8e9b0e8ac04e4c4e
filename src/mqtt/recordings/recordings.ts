import type { RecordingId } from '../../../protocol/ids.ts'
import { type Instant, instantOf } from '../../../protocol/instant.ts'
import type { Boot } from '../../../protocol/payloads.ts'
import { ShortLived } from '../../../protocol/short-lived.ts'
import type { FollowedRecording } from '../../auth/followed-event.ts'
import { recording } from '../../domain/recording/state.ts'
import type { Log } from '../../store/log.ts'
import type { Meter } from '../../store/meter.ts'
import { recordingStream } from '../../store/streams.ts'
import type { Connection } from '../connection.ts'
import { sendError } from '../downlink.ts'
import { pause } from '../pause.ts'
import { createTurns } from '../turns.ts'
import type { Fault } from '../uplink.ts'
import { type Decided, decideChunks, decideFinish, decideStart } from './decide.ts'
import { ClockSamples } from './evidence.ts'
import { faultOf } from './faults.ts'
import { hintOf } from './hints.ts'
import type { LinkDeps, RecordingLink } from './link.ts'
import { RecordingLinks } from './links.ts'
import type { RecordingMessage } from './messages.ts'
import type { RecordingDeps } from './ports.ts'
import { type RecordingView, viewOf, viewOfRow } from './view.ts'

type Deps = RecordingDeps & {
  readonly now: () => number
  readonly log: Log
  readonly meter: Meter
}

/** How a message ended: taken, with what was wrong in it; or not stored, for the connection to be closed. */
export type Taken = { readonly kind: 'taken' } | Fault

const resumeRetryMs = 5_000

/** Recordings at the broker: what devices say becomes events, and what the log says of their recordings is told to them. */
export class Recordings {
  readonly #deps: Deps
  readonly #links: RecordingLinks
  readonly #samples = new WeakMap<Connection, ClockSamples>()
  /** The last message of each recording that is under way: one after the other, in the order in which they came. */
  readonly #tails = new ShortLived<RecordingId, Promise<unknown>>()
  readonly #resuming = new WeakSet<Connection>()

  constructor(deps: Deps) {
    this.#deps = deps
    this.#links = new RecordingLinks({ ...deps, turn: createTurns() } satisfies LinkDeps)
    deps.onNews((news) => this.#hear(news))
    deps.objects.onUp(() => {
      for (const [connection, link] of this.#links.all())
        link.tell(() => this.#read(connection, link.recordingId))
    })
  }

  /** A message that showed the clock of a boot. */
  showClock(connection: Connection, boot: Boot | undefined, at: Instant | undefined): void {
    this.#samplesOf(connection).add(boot, at, this.#deps.now())
  }

  /** In the order of arrival for each recording. Throws `StoreUnavailable`, `Contended`: then nothing may be acknowledged. */
  async take(connection: Connection, message: RecordingMessage): Promise<Taken> {
    const before = this.#tails.get(message.recordingId)
    const mine = (before ?? Promise.resolve()).then(
      () => this.#decide(connection, message),
      () => this.#decide(connection, message),
    )
    this.#tails.set(message.recordingId, mine)
    try {
      const decided = await mine
      this.#answer(connection, message, decided)
      return faultOf(decided, message) ?? { kind: 'taken' }
    } finally {
      if (this.#tails.get(message.recordingId) === mine) this.#tails.delete(message.recordingId)
    }
  }

  /** Tells everything again, out of the read models: on the subscription and on every boot. */
  resume(connection: Connection): void {
    if (this.#resuming.has(connection)) return
    this.#resuming.add(connection)
    void this.#resume(connection).finally(() => this.#resuming.delete(connection))
  }

  #samplesOf(connection: Connection): ClockSamples {
    const known = this.#samples.get(connection)
    if (known) return known
    const made = new ClockSamples()
    this.#samples.set(connection, made)
    return made
  }

  #decide(connection: Connection, message: RecordingMessage): Promise<Decided> {
    const receivedAt = instantOf(this.#deps.now())
    const common = { session: connection.session, samples: this.#samplesOf(connection), receivedAt }
    switch (message.kind) {
      case 'recording-start':
        return decideStart(this.#deps, { ...common, message })
      case 'recording-chunks': {
        const hasBegun = this.#links.has(connection, message.recordingId)
        return decideChunks(this.#deps, { ...common, message }, hasBegun)
      }
      case 'recording-finish':
        return decideFinish(this.#deps, { ...common, message })
    }
  }

  #answer(connection: Connection, message: RecordingMessage, decided: Decided): void {
    const { state } = decided
    const { deviceId } = connection.session.principal
    if (state.kind === 'unknown' || state.deviceId !== deviceId) return
    const link = this.#links.of(connection, message.recordingId, message.spelled)
    if (message.kind === 'recording-chunks')
      link.want(message.payload.chunks.map(({ index }) => index))
    else link.owe()
    link.tell(async () => viewOf(state))
    this.#hint(connection, link, message, decided)
  }

  #hint(
    connection: Connection,
    link: RecordingLink,
    message: RecordingMessage,
    decided: Decided,
  ): void {
    const hint = hintOf(message, decided)
    if (!hint || (hint.isByTheWay && !link.mayLook())) return
    const { project } = connection.session.principal
    this.#deps.hint({ project, recording: message.recordingId }, hint.indices)
  }

  /** As it was after that revision or later: what this node wrote itself, or read, it need not read again. */
  async #read(
    connection: Connection,
    id: RecordingId,
    revision = Number.POSITIVE_INFINITY,
  ): Promise<RecordingView | undefined> {
    const { project, deviceId } = connection.session.principal
    const { ledger } = this.#deps
    const stream = recordingStream(project, id)
    const known = ledger.known(stream, recording)
    const { state } = known.revision >= revision ? known : await ledger.read(stream, recording)
    return state.kind === 'known' && state.deviceId === deviceId ? viewOf(state) : undefined
  }

  #hear({ recordingId, revision, refused }: FollowedRecording): void {
    for (const [connection, link] of this.#links.hearing(recordingId)) {
      if (refused) {
        link.regrant(refused.index)
        const said = refused.reason === 'lost' ? 'was lost' : `was refused: ${refused.reason}`
        sendError(connection, {
          code: 'checksum_mismatch',
          message: `Chunk ${refused.index} ${said}. Upload it again.`,
          topic: `v1/devices/${connection.subscribed ?? 'me'}/recordings/${link.spelled}/chunks`,
        })
      }
      link.tell(() => this.#read(connection, recordingId, revision))
    }
  }

  async #resume(connection: Connection): Promise<void> {
    const { client, session } = connection
    // What the device speaks of from here on it hears of by itself.
    const spoken = this.#links.heardBy(connection).filter(({ isSpokenOf }) => isSpokenOf)
    while (!client.closed) {
      try {
        await this.#resumeOnce(connection, spoken)
        return
      } catch (error) {
        const { deviceId: device } = session.principal
        this.#deps.log.warn({ error, device }, 'a device cannot be told of its recordings yet')
        await pause(resumeRetryMs)
      }
    }
  }

  async #resumeOnce(connection: Connection, spoken: readonly RecordingLink[]): Promise<void> {
    const { principal, epoch } = connection.session
    const { project, deviceId } = principal
    const { reads } = this.#deps
    // What the device was told to be stored on the session before must be known: nobody speaks of it again.
    await reads.reach(epoch)
    const closed = await reads.closed(project, deviceId)
    const open = await reads.open(project, deviceId)
    // What the device spoke of in this session is known better than by the read models.
    for (const link of spoken) {
      link.beginAnew()
      link.tell(() => this.#read(connection, link.recordingId))
    }
    for (const row of [...closed, ...open]) {
      const id = row.id as RecordingId // a row is named after its recording
      const chunks = row.is_open ? await reads.awaited(project, id) : []
      const link = this.#links.of(connection, id, undefined)
      if (link.isSpokenOf) continue
      link.beginAnew()
      link.tell(async () => viewOfRow(row, chunks))
    }
  }
}

import type { RecordingId } from '../../../protocol/ids.ts'
import {
  grantSecondsMax,
  grantsOutstandingMax,
  grantsPerMessageMax,
  mqttUnreadBytesMax,
} from '../../../protocol/limits.ts'
import { chunkKey } from '../../../protocol/object-keys.ts'
import type { DownWatermark, Grant } from '../../../protocol/recording-payloads.ts'
import type { TopicRecording } from '../../../protocol/topics.ts'
import type { Log } from '../../store/log.ts'
import type { Meter } from '../../store/meter.ts'
import type { Connection } from '../connection.ts'
import { sendGrants, sendWatermark } from '../downlink.ts'
import { pause } from '../pause.ts'
import type { Turn } from '../turns.ts'
import type { ObjectGrants } from './ports.ts'
import type { GrantedChunk, RecordingView } from './view.ts'

export type LinkDeps = {
  readonly objects: ObjectGrants
  /** Of all sessions of this node together. */
  readonly turn: Turn
  readonly now: () => number
  readonly log: Log
  readonly meter: Meter
}

const slowPollMs = 100
const tellRetryMs = 1_000
/** Between two looks at what was announced long ago that nothing but new announcements ask for: each chunk costs a request. */
const lookAgainMs = 1_000

/** A device reads at its pace: its next grants are made when it has taken the last ones. */
const untilRead = async ({ client }: Connection): Promise<boolean> => {
  while (!client.closed && client.conn.writableLength > mqttUnreadBytesMax / 4)
    await pause(slowPollMs)
  return !client.closed
}

const hasMoved = (told: DownWatermark | undefined, now: DownWatermark): boolean =>
  told?.stored_up_to !== now.stored_up_to ||
  told.complete !== now.complete ||
  told.status !== now.status

const isSame = (told: DownWatermark | undefined, now: DownWatermark): boolean =>
  !hasMoved(told, now) && JSON.stringify(told?.missing) === JSON.stringify(now.missing)

type Chosen = { readonly asked: readonly GrantedChunk[]; readonly others: readonly GrantedChunk[] }

function* inMessages(chunks: readonly GrantedChunk[]): Generator<readonly GrantedChunk[]> {
  for (let first = 0; first < chunks.length; first += grantsPerMessageMax)
    yield chunks.slice(first, first + grantsPerMessageMax)
}

/**
 * One recording as one session hears of it. What changed is told in one turn, however often it changed meanwhile; of what is awaited
 * at most `grantsOutstandingMax` grants are out that nobody asked for, so that an offline week does not fill a small memory.
 */
export class RecordingLink {
  readonly #deps: LinkDeps
  readonly #connection: Connection
  readonly recordingId: RecordingId
  readonly spelled: TopicRecording
  /** Until when each grant holds, in milliseconds since 1970. */
  readonly #granted = new Map<number, number>()
  readonly #wanted = new Set<number>()
  /** What the device knows, by a watermark or by its grants. */
  #told: DownWatermark | undefined
  #owes = false
  #isSpokenOf = false
  #isSending = false
  #lookedMs = Number.NEGATIVE_INFINITY
  #again: (() => Promise<RecordingView | undefined>) | undefined

  constructor(
    deps: LinkDeps,
    connection: Connection,
    about: { recordingId: RecordingId; spelled: TopicRecording },
  ) {
    this.#deps = deps
    this.#connection = connection
    this.recordingId = about.recordingId
    this.spelled = about.spelled
  }

  /** Whether the device itself spoke of it in this session. */
  get isSpokenOf(): boolean {
    return this.#isSpokenOf
  }

  /** The device said what no grant answers. */
  owe(): void {
    this.#owes = true
    this.#isSpokenOf = true
  }

  /** The device asks for these, whether they were granted before or not. */
  want(indices: Iterable<number>): void {
    this.#isSpokenOf = true
    for (const index of indices) this.#wanted.add(index)
  }

  /** What was granted is of no use any more: another key is to be put to. */
  regrant(index: number): void {
    this.#granted.delete(index)
    this.#wanted.add(index)
  }

  /** The device may have forgotten what it was told and granted. */
  beginAnew(): void {
    this.#told = undefined
    this.#granted.clear()
  }

  /** Whether it is time to look at what waits; from then on it is no more, for a while. */
  mayLook(): boolean {
    const nowMs = this.#deps.now()
    if (Math.abs(nowMs - this.#lookedMs) < lookAgainMs) return false
    this.#lookedMs = nowMs
    return true
  }

  /** Tells what `read` finds; what comes in while it is told is told after it, once. */
  tell(read: () => Promise<RecordingView | undefined>): void {
    this.#again = read
    if (this.#isSending) return
    void this.#run()
  }

  /** What comes in after the last look and before the end of the turn would never be told: both are one step. */
  async #run(): Promise<void> {
    this.#isSending = true
    while (this.#again && !this.#connection.client.closed) {
      const read = this.#again
      this.#again = undefined
      await this.#tellOnce(read)
    }
    this.#isSending = false
  }

  /** What cannot be read now is read later: nothing else may ever ask for it on this connection. */
  async #tellOnce(read: () => Promise<RecordingView | undefined>): Promise<void> {
    try {
      const view = await read()
      if (view) await this.#send(view)
    } catch (error) {
      const { recordingId: recording } = this
      this.#deps.log.warn({ error, recording }, 'a device cannot be told of its recording yet')
      this.#again ??= read
      await pause(tellRetryMs)
    }
  }

  /**
   * What was asked for at once. The rest may wait, many sessions that begin together must not hold up whoever asks: a message of it each
   * turn of the loop, over all sessions; what comes in on this recording meanwhile is told first.
   */
  async #send(view: RecordingView): Promise<void> {
    const wanted = this.#wanted.size
    const { asked, others } = this.#chosen(view)
    this.#mark(view.watermark, { wanted, asked: asked.length })
    for (const chunks of inMessages(asked)) {
      if (!(await untilRead(this.#connection))) return
      this.#grant(chunks)
    }
    for (const chunks of inMessages(others)) {
      await this.#deps.turn()
      if (this.#again || !(await untilRead(this.#connection))) return
      this.#grant(chunks)
    }
  }

  /** Sent where it is owed, and where it says another thing than last time. Of chunks that are new their grants say all. */
  #mark(watermark: DownWatermark, { wanted, asked }: Record<'wanted' | 'asked', number>): void {
    const isGranted = wanted > 0 && asked === wanted
    const isOwed = this.#owes || (wanted > 0 && !isGranted)
    const isNews = isGranted ? hasMoved(this.#told, watermark) : !isSame(this.#told, watermark)
    this.#owes = false
    // Nobody heard it yet.
    this.#told = this.#connection.subscribed === undefined ? undefined : watermark
    if (isOwed || isNews) sendWatermark(this.#connection, this.spelled, watermark)
  }

  /** What was asked for, and of the rest as many as may be out. */
  #chosen(view: RecordingView): Chosen {
    if (view.isClosed || !this.#deps.objects.isUp()) return { asked: [], others: [] }
    const asked = [...this.#wanted].flatMap((index) => view.chunk(index) ?? [])
    this.#wanted.clear()
    const nowMs = this.#deps.now()
    for (const [index, untilMs] of this.#granted)
      if (untilMs <= nowMs || !view.chunk(index)) this.#granted.delete(index)
    const taken = new Set([...this.#granted.keys(), ...asked.map(({ index }) => index)])
    const room = Math.max(0, grantsOutstandingMax - taken.size)
    const others = view.awaited.filter(({ index }) => !taken.has(index)).slice(0, room)
    return { asked, others }
  }

  #grant(chunks: readonly GrantedChunk[]): void {
    const { objects, meter, now } = this.#deps
    const place = {
      project: this.#connection.session.principal.project,
      recording: this.recordingId,
    }
    const grants = chunks.map((chunk): Grant => {
      const { method, url, headers, expiresAt } = objects.presignPut(chunkKey(place, chunk), {
        bytes: chunk.bytes,
        sha256: chunk.sha256,
        contentType: 'application/octet-stream',
        expiresSeconds: grantSecondsMax,
      })
      return { index: chunk.index, method, url, headers, expires_at: expiresAt }
    })
    for (const { index } of chunks) this.#granted.set(index, now() + 1_000 * grantSecondsMax)
    sendGrants(this.#connection, this.spelled, { recording_id: this.recordingId, grants })
    meter.count('chunks_granted_total', grants.length)
  }
}

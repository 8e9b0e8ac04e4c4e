import { setTimeout as delay } from 'node:timers/promises'
import type { Random } from '../../protocol/base62.ts'
import { type NodeId, newEventId, newNodeId } from '../../protocol/ids.ts'
import { aliveGapMsMin } from '../../protocol/limits.ts'
import type { EventStore, ExpectedRevision } from '../store/event-store.ts'
import type { Log } from '../store/log.ts'
import { nodeStream } from '../store/streams.ts'

type Deps = {
  readonly store: Pick<EventStore, 'append' | 'readLast' | 'keepNewest'>
  readonly version: string
  readonly leaseMsMax: number
  readonly monotonic: () => number
  readonly random: Random
  readonly log: Log
  /** The lease ended: nothing may be accepted or acknowledged until it holds again. Once each time. */
  readonly onExpired: () => void
  /** It holds (again). */
  readonly onHolds: () => void
  /** Another node declared this one lost, or its stream is not its own: everything of `old` is over. */
  readonly onLost: (old: NodeId, next: NodeId) => void
}

/** One `NodeAlive`: the same event until its outcome is known. */
type Beat = {
  readonly id: string
  readonly node: NodeId
  /** Monotonic: the lease is counted from the first send, never from the answer. */
  readonly sentAt: number
  readonly proofs: (() => void)[]
}

const retryDelayMs = 100

/**
 * Proof that this node follows the log: it appends `NodeAlive` and sees it come back on its own subscription. The age of the
 * lease is the time since the newest one that came back was sent, by the monotonic clock.
 */
export class NodeLease {
  readonly #deps: Deps
  readonly #beats = new Map<string, Beat>()
  #node: NodeId
  #revision: ExpectedRevision = 'no_stream'
  readonly #startedAt: number
  #provenAt: number | undefined
  #lastBeatAt = Number.NEGATIVE_INFINITY
  #asked: (() => void)[] = []
  #sending: Promise<void> | undefined
  #beatTimer: NodeJS.Timeout | undefined
  #expiryTimer: NodeJS.Timeout | undefined
  #roundTripMs = 0
  #stopped = false
  /** What was last told to who is concerned. */
  #isHeld = false

  constructor(deps: Deps) {
    this.#deps = deps
    this.#node = newNodeId(deps.random)
    this.#startedAt = deps.monotonic()
    this.#schedule()
  }

  holds(): boolean {
    return this.#provenAt !== undefined && this.ageMs() <= this.#deps.leaseMsMax
  }

  node(): NodeId {
    return this.#node
  }

  /** Milliseconds since the newest proof was sent; before the first, since the start. */
  ageMs(): number {
    return this.#deps.monotonic() - (this.#provenAt ?? this.#startedAt)
  }

  /** From the send of a `NodeAlive` to its return, or how long the newest one has been on its way. */
  lagMs(): number {
    const [oldest] = this.#beats.values()
    return oldest
      ? Math.max(this.#roundTripMs, this.#deps.monotonic() - oldest.sentAt)
      : this.#roundTripMs
  }

  /** Resolves when a `NodeAlive` that is sent after this call has come back; at most one append per `aliveGapMsMin`. */
  prove(): Promise<void> {
    return new Promise((resolve) => {
      this.#asked.push(resolve)
      this.#schedule()
    })
  }

  /** The subscription showed a `NodeAlive` of this node. */
  seen(id: string): void {
    const beat = this.#beats.get(id)
    if (!beat || beat.node !== this.#node) return
    const { monotonic, onHolds } = this.#deps
    this.#provenAt = beat.sentAt
    this.#roundTripMs = monotonic() - beat.sentAt
    for (const [older, one] of this.#beats) {
      if (one.sentAt > beat.sentAt) break
      this.#beats.delete(older)
      for (const proved of one.proofs) proved()
    }
    this.#awaitExpiry()
    if (this.#isHeld || !this.holds()) return
    this.#isHeld = true
    onHolds()
  }

  /** The subscription showed, or a conflict told, that this node was declared lost. */
  lost(node: NodeId): void {
    if (node !== this.#node || this.#stopped) return
    const next = newNodeId(this.#deps.random)
    this.#deps.log.warn({ node, next }, 'this node was declared lost and takes a new incarnation')
    for (const { proofs } of this.#beats.values()) this.#asked.push(...proofs)
    this.#beats.clear()
    this.#node = next
    this.#revision = 'no_stream'
    this.#provenAt = undefined
    this.#isHeld = false
    this.#lastBeatAt = Number.NEGATIVE_INFINITY
    clearTimeout(this.#expiryTimer)
    this.#deps.onLost(node, next)
    this.#schedule()
  }

  /** Ends this node's incarnation in its own words, so that nobody has to wait for its lease to end. */
  async stop(): Promise<void> {
    this.#stopped = true
    clearTimeout(this.#beatTimer)
    clearTimeout(this.#expiryTimer)
    await this.#sending
    this.#provenAt = undefined
    if (this.#revision === 'no_stream') return
    const event = { id: newEventId(this.#deps.random), type: 'NodeLost', data: { by: this.#node } }
    await this.#deps.store
      .append(nodeStream(this.#node), [{ ...event, metadata: {} }], this.#revision)
      .catch((error: unknown) =>
        this.#deps.log.warn({ error }, 'the end of this node is not in the log'),
      )
  }

  #awaitExpiry(): void {
    clearTimeout(this.#expiryTimer)
    const leftMs = Math.max(0, this.#deps.leaseMsMax - this.ageMs())
    this.#expiryTimer = setTimeout(() => this.#expire(), leftMs + 1)
  }

  #expire(): void {
    if (this.#stopped || !this.#isHeld) return
    // A timer may fire a little early.
    if (this.holds()) this.#awaitExpiry()
    else {
      this.#isHeld = false
      this.#deps.onExpired()
    }
  }

  #schedule(): void {
    if (this.#sending || this.#stopped) return
    clearTimeout(this.#beatTimer)
    const gapMs = this.#asked.length > 0 ? aliveGapMsMin : this.#deps.leaseMsMax / 3
    const dueMs = Math.max(0, this.#lastBeatAt + gapMs - this.#deps.monotonic())
    this.#beatTimer = setTimeout(() => {
      this.#sending = this.#beat().finally(() => {
        this.#sending = undefined
        this.#schedule()
      })
    }, dueMs)
  }

  async #beat(): Promise<void> {
    const { random, monotonic } = this.#deps
    const beat: Beat = {
      id: newEventId(random),
      node: this.#node,
      sentAt: monotonic(),
      proofs: this.#asked.splice(0),
    }
    this.#lastBeatAt = beat.sentAt
    this.#beats.set(beat.id, beat)
    while (beat.node === this.#node && !this.#stopped) {
      if ((await this.#send(beat)) === 'known') return
      await delay(retryDelayMs)
    }
  }

  async #send({ id, node }: Beat): Promise<'known' | 'unknown'> {
    const { store, version, log } = this.#deps
    const stream = nodeStream(node)
    const expected = this.#revision
    const event = { id, type: 'NodeAlive', data: { node, version }, metadata: {} }
    try {
      const result = await store.append(stream, [event], expected)
      const last =
        result.kind === 'appended'
          ? { id, revision: result.revision }
          : await store.readLast(stream)
      if (node !== this.#node) return 'known'
      if (last?.id !== id) this.lost(node)
      else await this.#stored(stream, expected, last.revision)
      return 'known'
    } catch (error) {
      log.warn({ error }, 'a NodeAlive has no answer yet; it is sent again')
      return 'unknown'
    }
  }

  async #stored(stream: string, before: ExpectedRevision, revision: number): Promise<void> {
    this.#revision = revision
    if (before !== 'no_stream') return
    const { store, log } = this.#deps
    await store.keepNewest(stream, 1).catch((error: unknown) => {
      log.warn({ error, stream }, 'the stream of this node keeps all its events')
    })
  }
}

import { setTimeout as delay } from 'node:timers/promises'
import { commitBackoffFirstMs, commitBackoffMsMax } from '../../protocol/limits.ts'
import type { EventStore, ExpectedRevision, NewEvent, Position } from './event-store.ts'
import { Gathering, type Traffic } from './gathering.ts'
import type { Log } from './log.ts'

/**
 * Why an entry was not acknowledged. Only `overfull` says that it is not stored; otherwise the outcome is unknown:
 * - `too-slow`: it waited `appendMsMax`;
 * - `lease-ended`: this node may neither append nor acknowledge;
 * - `fenced`: another writer was met, or the incarnation was given up;
 * - `overfull`: `waitingEntriesMax` entries wait already.
 */
export type CommitError = 'too-slow' | 'lease-ended' | 'fenced' | 'overfull'

export class CommitFailed extends Error {
  override readonly name = 'CommitFailed'
  readonly because: CommitError
  constructor(because: CommitError) {
    super(`not committed: ${because}`)
    this.because = because
  }
}

/** Exactly one of the two is there. `position` is that of the commit. */
export type Committed = (error: CommitError | undefined, position: Position | undefined) => void

/** The streams of one writer, one a UTC day. */
export type StreamFamily<Entry> = {
  readonly streamAt: (ms: number) => string
  /** The data of an event that holds these entries. */
  readonly encode: (entries: readonly Entry[]) => object | Uint8Array
  readonly metadata: object
}

export type GroupCommitOptions<Entry> = {
  readonly store: Pick<EventStore, 'append' | 'readPage'>
  readonly type: string
  readonly family: StreamFamily<Entry>
  readonly bytesOf: (entry: Entry) => number
  readonly entriesMax: number
  /** Of the sum of `bytesOf` + 1 over the entries of one commit; a single larger entry goes alone. */
  readonly bytesMax: number
  /** Entries that wait or are being appended. */
  readonly waitingEntriesMax: number
  readonly appendMsMax: number
  /** The lease, by the monotonic clock: asked before every append and again before every completion. */
  readonly mayAppend: () => boolean
  /** Another writer appended to a stream of ours. Called once a family. */
  readonly onFenced?: () => void
  /** After each commit: entries in it, and milliseconds from its first send to its answer. */
  readonly onCommit?: (entries: number, ms: number) => void
  /** Of all shards together; of this one alone where it is left out. */
  readonly traffic?: Traffic
  /** Milliseconds since 1970: names the stream. */
  readonly now: () => number
  /** Milliseconds of a clock that never jumps. */
  readonly monotonic: () => number
  readonly newId: () => string
  readonly log: Log
}

/** The one writer of a family of streams. */
export type GroupCommit<Entry> = {
  /**
   * `done` is called once, in the order of arrival; for `overfull` and after `fenced` at once, before this returns.
   * What arrives in one turn of the loop, or while an append is in flight, shares a commit.
   */
  readonly add: (entry: Entry, done: Committed) => void
  /** The same as a promise. Rejects with `CommitFailed`. */
  readonly commit: (entry: Entry) => Promise<Position>
  /** Entries whose `done` was not called yet. */
  readonly pending: () => number
  /** Resolves when nothing is pending. */
  readonly idle: () => Promise<void>
  /** Gives up the old streams, failing what is pending with `fenced`, and writes to new ones. */
  readonly reset: (family: StreamFamily<Entry>) => void
}

type Waiting<Entry> = { readonly entry: Entry; readonly done: Committed; readonly since: number }

/** One event that is sent, with the same id at the same revision, until its outcome is known. */
type Batch<Entry> = {
  readonly stream: string
  readonly event: NewEvent
  readonly expected: ExpectedRevision
  readonly sentAt: number
  readonly entries: number
  /** Those whose `done` was not called yet. */
  readonly items: Waiting<Entry>[]
}

type Sent =
  | { readonly kind: 'stored'; readonly position: Position; readonly revision: number }
  | { readonly kind: 'unknown' | 'another-writer' }

class Writer<Entry> {
  readonly #options: GroupCommitOptions<Entry>
  readonly #family: StreamFamily<Entry>
  readonly #waiting: Waiting<Entry>[] = []
  #batch: Batch<Entry> | undefined
  #stream = ''
  #revision: ExpectedRevision = 'no_stream'
  #latestMs = 0
  #running = false
  #ended = false
  #sweep: NodeJS.Timeout | undefined
  #idle: (() => void)[] = []
  readonly #gathering: Gathering

  constructor(options: GroupCommitOptions<Entry>, family: StreamFamily<Entry>) {
    this.#options = options
    this.#family = family
    this.#gathering = new Gathering(options.monotonic, options.traffic)
  }

  pending(): number {
    return this.#waiting.length + (this.#batch?.items.length ?? 0)
  }

  add(entry: Entry, done: Committed): void {
    if (this.#ended) done('fenced', undefined)
    else if (this.pending() >= this.#options.waitingEntriesMax) done('overfull', undefined)
    else {
      const since = this.#options.monotonic()
      this.#waiting.push({ entry, done, since })
      this.#sweep ??= setTimeout(() => this.#failSlow(), this.#options.appendMsMax)
      this.#gathering.met(this.#waiting.length, since)
      this.#start()
    }
  }

  idle(): Promise<void> {
    if (this.pending() === 0) return Promise.resolve()
    return new Promise((resolve) => this.#idle.push(resolve))
  }

  end(): void {
    this.#ended = true
    this.#failAll('fenced')
  }

  #start(): void {
    if (this.#running) return
    this.#running = true
    // What is added in one go shares a commit, and nothing lingers.
    queueMicrotask(() => void this.#run())
  }

  async #run(): Promise<void> {
    let backoffMs = commitBackoffFirstMs
    while (this.#mayGoOn()) {
      if (!this.#batch && (await this.#gathering.begin(this.#waiting.length))) continue
      this.#batch ??= this.#take()
      const batch = this.#batch
      const sent = await this.#send(batch)
      if (this.#ended) break
      if (sent.kind === 'stored') {
        backoffMs = commitBackoffFirstMs
        this.#complete(batch, sent)
        await this.#gathering.answered(
          batch.entries,
          this.#waiting.length,
          this.#options.entriesMax,
        )
      } else if (sent.kind === 'unknown') {
        await delay(backoffMs)
        backoffMs = Math.min(2 * backoffMs, commitBackoffMsMax)
      } else this.#fence(batch)
    }
    this.#running = false
    this.#afterSettling()
    if (this.#waiting.length > 0) this.#start()
  }

  #mayGoOn(): boolean {
    if (this.#ended || (!this.#batch && this.#waiting.length === 0)) return false
    if (this.#options.mayAppend()) return true
    // A batch that was sent stays: should the lease come back, its outcome is settled before anything else is appended.
    this.#failAll('lease-ended')
    return false
  }

  #take(): Batch<Entry> {
    const { type, bytesOf, entriesMax, bytesMax, now, newId, monotonic } = this.#options
    let [count, bytes] = [0, 0]
    for (const { entry } of this.#waiting) {
      bytes += bytesOf(entry) + 1
      if (count > 0 && (count >= entriesMax || bytes > bytesMax)) break
      count += 1
    }
    const items = this.#waiting.splice(0, count)
    // A clock that falls back never leads back into a stream that was left.
    this.#latestMs = Math.max(this.#latestMs, now())
    const stream = this.#family.streamAt(this.#latestMs)
    if (stream !== this.#stream) this.#revision = 'no_stream'
    this.#stream = stream
    const data = this.#family.encode(items.map(({ entry }) => entry))
    const event = { id: newId(), type, data, metadata: this.#family.metadata }
    return {
      stream,
      event,
      expected: this.#revision,
      sentAt: monotonic(),
      entries: items.length,
      items,
    }
  }

  async #send({ stream, event, expected }: Batch<Entry>): Promise<Sent> {
    try {
      const result = await this.#options.store.append(stream, [event], expected)
      if (result.kind === 'appended') return { ...result, kind: 'stored' }
      const revision = expected === 'no_stream' ? 0 : expected + 1
      const page = { from: revision, count: 1, order: 'asc' } as const
      const [found] = await this.#options.store.readPage(stream, page)
      if (found?.id !== event.id) return { kind: 'another-writer' }
      return { kind: 'stored', position: found.position, revision }
    } catch (error) {
      this.#options.log.warn({ stream, error }, 'a commit has no answer yet; it is sent again')
      return { kind: 'unknown' }
    }
  }

  #complete(batch: Batch<Entry>, { position, revision }: Sent & { kind: 'stored' }): void {
    this.#batch = undefined
    this.#revision = revision
    const { mayAppend, monotonic, onCommit } = this.#options
    onCommit?.(batch.entries, monotonic() - batch.sentAt)
    const [error, at] = mayAppend()
      ? ([undefined, position] as const)
      : (['lease-ended', undefined] as const)
    for (const { done } of batch.items) done(error, at)
    this.#afterSettling()
  }

  #fence({ stream }: Batch<Entry>): void {
    this.#options.log.error({ stream }, 'another writer appended to a stream of this node')
    this.end()
    this.#options.onFenced?.()
  }

  /** Fails, oldest first, whatever `isDue`. */
  #fail(error: CommitError, isDue: (item: Waiting<Entry>) => boolean): void {
    for (const items of [this.#batch?.items ?? [], this.#waiting]) {
      const kept = items.findIndex((item) => !isDue(item))
      for (const { done } of items.splice(0, kept < 0 ? items.length : kept)) done(error, undefined)
      if (kept >= 0) break
    }
    this.#afterSettling()
  }

  #failAll(error: CommitError): void {
    this.#fail(error, () => true)
  }

  #failSlow(): void {
    this.#sweep = undefined
    const { monotonic, appendMsMax } = this.#options
    const due = monotonic() - appendMsMax
    this.#fail('too-slow', ({ since }) => since <= due)
    const oldest = this.#batch?.items[0] ?? this.#waiting[0]
    if (oldest) this.#sweep ??= setTimeout(() => this.#failSlow(), Math.max(1, oldest.since - due))
  }

  #afterSettling(): void {
    if (this.pending() > 0) return
    clearTimeout(this.#sweep)
    this.#sweep = undefined
    for (const resolve of this.#idle.splice(0)) resolve()
  }
}

export const createGroupCommit = <Entry>(
  options: GroupCommitOptions<Entry>,
): GroupCommit<Entry> => {
  let writer = new Writer(options, options.family)
  return {
    add: (entry, done) => writer.add(entry, done),
    commit: (entry) =>
      new Promise((resolve, reject) => {
        writer.add(entry, (error, position) => {
          if (position === undefined) reject(new CommitFailed(error ?? 'fenced'))
          else resolve(position)
        })
      }),
    pending: () => writer.pending(),
    idle: () => writer.idle(),
    reset: (family) => {
      const old = writer
      writer = new Writer(options, family)
      old.end()
    },
  }
}

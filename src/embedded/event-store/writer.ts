import type { DatabaseSync, StatementSync } from 'node:sqlite'
import { appendBytesMax } from '../../../protocol/limits.ts'
import { eventStoreBatchJobsMax } from '../../../protocol/limits-embedded.ts'
import { checkAppend, type Expected, type Memory } from './check-append.ts'
import { checkRemoval } from './check-removal.ts'
import { isDiskFull } from './database.ts'
import { type Head, Heads } from './heads.ts'
import { RecentIds } from './recent-ids.ts'
import {
  deletedType,
  isMetastream,
  metadataType,
  metastreamOf,
  ownEvent,
  type Proposed,
  plainId,
  recordOverheadBytes,
  type StoredRow,
  storedTombstone,
} from './stored.ts'
import { deletedJson, noTruncation, revivedJson, truncationOf } from './stream-metadata.ts'

export type Written =
  | {
      readonly kind: 'written'
      /** The newest revision of the append, −1 when nothing was ever written to the stream. */
      readonly revision: number
      /** Of its last event; `undefined` for a repeat of what was deleted since. */
      readonly position: number | undefined
    }
  | { readonly kind: 'wrong-version'; readonly last: number }
  | { readonly kind: 'deleted' | 'too-big' }
  | { readonly kind: 'disk-full' }

type Job = { readonly run: () => Written; readonly done: (result: Written) => void }

type Deps = {
  readonly writer: DatabaseSync
  /** The newest position, 0 in an empty log. */
  readonly end: number
  readonly now: () => number
  readonly newId: () => string
  /** Called after each commit that wrote, with what it wrote: subscriptions wake. */
  readonly onCommit: (rows: readonly StoredRow[]) => void
  /** An error of the disk, after which nothing in memory can be trusted. */
  readonly onBroken: (error: unknown) => void
}

/**
 * The one that writes. Requests that arrive while a commit is under way make up the next one; an answer is given only
 * after COMMIT, and so fsync, has returned.
 */
export class Writer {
  readonly #deps: Deps
  readonly #heads: Heads
  readonly #recent = new RecentIds()
  readonly #insertEvent: StatementSync
  readonly #insertStream: StatementSync
  readonly #eventAt: StatementSync
  readonly #begin: StatementSync
  readonly #end: StatementSync
  /** Of the transaction that is open. */
  #written: StoredRow[] = []
  #queue: Job[] = []
  #scheduled = false
  #position: number
  /** Since the last event. */
  #emptyAppends = 0
  #closed = false
  #busyMs = 0

  constructor(deps: Deps) {
    this.#deps = deps
    const { writer } = deps
    this.#heads = new Heads(writer)
    this.#begin = writer.prepare('begin immediate')
    this.#end = writer.prepare('commit')
    this.#insertStream = writer.prepare('insert into streams (name) values (?)')
    this.#insertEvent = writer.prepare(
      `insert into events (position, stream, revision, id, type, content_type, created_ms, data, metadata)
       values (?, ?, ?, unhex(?), ?, ?, ?, ?, ?)`,
    )
    this.#eventAt = writer.prepare(
      'select lower(hex(id)) as id, position from events where stream = ? and revision = ?',
    )
    this.#position = deps.end
    if (this.#position === 0) this.#beginLog()
  }

  /** As the real server does, an empty log begins with one event of its own. */
  #beginLog(): void {
    this.#begin.run()
    this.#put('$$$scavenges', [this.#metadata('{"$maxCount":10000}')])
    this.#end.run()
    this.#heads.forgetAll()
    this.#deps.onCommit(this.#written)
    this.#written = []
  }

  append(stream: string, events: readonly Proposed[], expected: Expected): Promise<Written> {
    return this.#enqueue(() => this.#append(stream, events, expected))
  }

  /** Soft delete: the events are hidden until the next append, which goes on with the revisions. */
  remove(stream: string, expected: Expected): Promise<Written> {
    return this.#enqueue(() => this.#remove(stream, expected))
  }

  /** For ever. */
  tombstone(stream: string, expected: Expected): Promise<Written> {
    return this.#enqueue(() => this.#tombstone(stream, expected))
  }

  /** Ends after what is queued. */
  async close(): Promise<void> {
    if (this.#queue.length > 0) await this.#enqueue(() => ({ kind: 'disk-full' }))
    this.#closed = true
  }

  /** The head of a stream as the last commit left it; what stands in the queue is not in it. */
  head(stream: string): Head {
    return this.#heads.of(stream)
  }

  /** Milliseconds spent in commits so far. */
  get busyMs(): number {
    return this.#busyMs
  }

  #enqueue(run: () => Written): Promise<Written> {
    if (this.#closed) return Promise.resolve({ kind: 'disk-full' })
    return new Promise((done) => {
      this.#queue.push({ run, done })
      this.#schedule()
    })
  }

  #schedule(): void {
    if (this.#scheduled || this.#queue.length === 0) return
    this.#scheduled = true
    setImmediate(() => this.#flush())
  }

  #flush(): void {
    this.#scheduled = false
    const jobs = this.#queue.splice(0, eventStoreBatchJobsMax)
    const started = performance.now()
    const results = this.#commit(jobs)
    this.#busyMs += performance.now() - started
    for (const [i, job] of jobs.entries()) job.done(results[i] ?? { kind: 'disk-full' })
    this.#schedule()
  }

  #commit(jobs: readonly Job[]): readonly Written[] {
    const before = this.#position
    try {
      this.#begin.run()
      const results = jobs.map(({ run }) => run())
      this.#end.run()
      const rows = this.#written
      this.#written = []
      if (rows.length > 0) this.#deps.onCommit(rows)
      return results
    } catch (error) {
      this.#rollBack(before)
      if (!isDiskFull(error)) this.#deps.onBroken(error)
      return jobs.map(() => ({ kind: 'disk-full' }) as const)
    }
  }

  #rollBack(position: number): void {
    this.#position = position
    this.#written = []
    this.#heads.forgetAll()
    this.#recent.forgetAll()
    try {
      if (this.#deps.writer.isTransaction) this.#deps.writer.exec('rollback')
    } catch (error) {
      this.#deps.onBroken(error)
    }
  }

  #memory(stream: string, head: Head): Memory {
    return {
      at: (revision) => {
        const row = head.id === undefined ? undefined : this.#eventAt.get(head.id, revision)
        return row && { id: plainId(String(row['id'])), position: Number(row['position']) }
      },
      recent: (id) => this.#recent.find(stream, id),
    }
  }

  #append(stream: string, events: readonly Proposed[], expected: Expected): Written {
    const bytes = events.reduce((sum, { data }) => sum + data.length, 0)
    if (bytes > appendBytesMax) return { kind: 'too-big' }
    const head = this.#heads.of(stream)
    const tombstoned = head.tombstoned && !(head.closedByOwner && head.last >= 0)
    const state = { ...head, tombstoned, deleted: head.truncation.deleted }
    const ids = events.map(({ id }) => plainId(id))
    const verdict = checkAppend(expected, ids, state, this.#memory(stream, head))
    if (verdict.kind === 'deleted') return { kind: 'deleted' }
    if (verdict.kind === 'wrong-version') return { kind: 'wrong-version', last: head.last }
    if (verdict.kind === 'repeat') return { ...verdict, kind: 'written' }
    const revives = events.length > 0 && this.#isMetadataOfDeleted(stream)
    const first = head.last + 1
    if (events.length === 0) this.#moveOn()
    this.#put(stream, events)
    const written = this.#writtenTo(head)
    if (state.deleted) this.#revive(stream, first)
    // Setting the metadata of a soft-deleted stream revives it too: the server adds `$tb` of its own.
    if (revives) this.#revive(stream.slice(2), this.#heads.of(stream.slice(2)).last + 1)
    return written
  }

  /** An append of no events has a position of its own, and leaves it below that of the event which comes next, also after a restart. */
  #moveOn(): void {
    if (this.#emptyAppends >= recordOverheadBytes - 1) return
    this.#emptyAppends += 1
    this.#position += 1
  }

  #writtenTo({ last }: Head): Written {
    return { kind: 'written', revision: last, position: this.#position }
  }

  #put(stream: string, events: readonly Proposed[]): void {
    const head = this.#heads.of(stream)
    if (head.id === undefined && events.length > 0)
      head.id = Number(this.#insertStream.run(stream).lastInsertRowid)
    for (const event of events) this.#insert(stream, head, event, head.last + 1)
    if (isMetastream(stream) && events.length > 0) this.#metadataChanged(stream.slice(2), events)
  }

  #insert(stream: string, head: Head, event: Proposed, revision: number): void {
    const { type, contentType, data, metadata } = event
    this.#position += recordOverheadBytes + data.length + metadata.length + type.length
    this.#emptyAppends = 0
    const position = this.#position
    const createdMs = this.#deps.now()
    const id = plainId(event.id)
    const row = [position, head.id ?? 0, revision, id, type, contentType, createdMs] as const
    this.#insertEvent.run(...row, data, metadata)
    this.#written.push({ ...event, position, stream, revision, createdMs })
    if (revision >= 0) head.last = revision
    this.#recent.add(stream, id, { revision, position })
  }

  #metadataChanged(stream: string, events: readonly Proposed[]): void {
    const head = this.#heads.of(stream)
    head.hasMetadata = true
    if (isMetastream(stream)) return
    const newest = events.at(-1)
    if (newest) head.truncation = truncationOf(newest.data, newest.contentType)
  }

  #metadata(json: string): Proposed {
    return ownEvent(this.#deps.newId(), metadataType, json)
  }

  /** The next append to a soft-deleted stream shows it again, from its first new revision on. */
  #revive(stream: string, first: number): void {
    const { truncation } = this.#heads.of(stream)
    const { $tb: _deleted, ...members } = truncation.members
    this.#put(metastreamOf(stream), [this.#metadata(revivedJson(members, first))])
  }

  #isMetadataOfDeleted(stream: string): boolean {
    const owner = isMetastream(stream) ? stream.slice(2) : undefined
    return owner !== undefined && !isMetastream(owner) && this.#heads.of(owner).truncation.deleted
  }

  #remove(stream: string, expected: Expected): Written {
    const head = this.#heads.of(stream)
    const exists = head.last >= 0 || head.hasMetadata
    const refused = checkRemoval(head, expected, exists)
    if (refused) return refused
    this.#put(metastreamOf(stream), [this.#metadata(deletedJson)])
    return this.#writtenTo(head)
  }

  #tombstone(stream: string, expected: Expected): Written {
    const head = this.#heads.of(stream)
    const refused = checkRemoval(head, expected, true)
    if (refused) return refused
    // Read before the tombstone is there: afterwards it would look closed for ever by itself.
    const metastream = this.#heads.of(metastreamOf(stream))
    head.id ??= Number(this.#insertStream.run(stream).lastInsertRowid)
    const closing = ownEvent(this.#deps.newId(), deletedType, '')
    const event = { ...closing, contentType: 'application/octet-stream' }
    this.#insert(stream, head, event, storedTombstone)
    head.tombstoned = true
    if (isMetastream(stream)) this.#heads.of(stream.slice(2)).truncation = noTruncation
    else {
      metastream.closedByOwner = !metastream.tombstoned
      metastream.tombstoned = true
    }
    return this.#writtenTo(head)
  }
}

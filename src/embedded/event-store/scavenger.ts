import type { DatabaseSync, StatementSync } from 'node:sqlite'
import { setTimeout as delay, setImmediate as turn } from 'node:timers/promises'
import {
  eventStoreFreePagesMax,
  eventStoreScavengePauseMsMax,
  eventStoreScavengeShareMax,
  eventStoreScavengeSliceEventsMax,
} from '../../../protocol/limits-embedded.ts'
import { isDiskFull } from './database.ts'
import type { Head } from './heads.ts'
import { firstVisible } from './stream-metadata.ts'

type Deps = {
  /** The writing connection: a slice is a transaction of its own between two commits. */
  readonly writer: DatabaseSync
  readonly head: (stream: string) => Head
  readonly now: () => number
  /** Milliseconds spent in commits so far. */
  readonly busyMs: () => number
  /** Called when events are gone that may stand in memory. */
  readonly onRemoved: () => void
  readonly onBroken: (error: unknown) => void
}

const loadProbeMs = 100
const pagesAtOnce = 256

/** Which events of a stream may go: those that are hidden or expired, and older than `ageMs`; the last one only where the stream is closed for ever. */
const ruleOf = (head: Head, nowMs: number, ageMs: number) => {
  const { last, tombstoned, truncation } = head
  const isClosed = tombstoned && !head.closedByOwner
  const visible = truncation.deleted ? last : Math.min(last, firstVisible(truncation, last))
  const hiddenBelow = isClosed ? last + 1 : visible
  const expiredMs = nowMs - (truncation.maxAgeSeconds ?? Number.POSITIVE_INFINITY) * 1_000
  return (revision: number, createdMs: number): boolean => {
    const isHidden = revision < hiddenBelow || createdMs <= expiredMs
    const isLast = revision === last && !tombstoned
    return isHidden && !isLast && createdMs <= nowMs - ageMs
  }
}

/**
 * Removes what metadata hides, as EventStoreDB's scavenge does: never the last event of a stream, so that revisions go on,
 * and of a stream that is closed for ever all but its tombstone.
 */
export class Scavenger {
  readonly #deps: Deps
  readonly #nextName: StatementSync
  readonly #nextTombstoned: StatementSync
  readonly #oldest: StatementSync
  readonly #remove: StatementSync
  readonly #mark: StatementSync
  readonly #free: StatementSync
  readonly #stopping = new AbortController()

  constructor(deps: Deps) {
    this.#deps = deps
    const { writer } = deps
    // Only a stream with metadata hides anything: the names of metastreams are those from `$$` to `$%`.
    this.#nextName = writer.prepare(
      "select name from streams where name > ? and name < '$%' order by name limit 1",
    )
    this.#nextTombstoned = writer.prepare(
      `select s.id, s.name from events e join streams s on s.id = e.stream
       where e.revision = -2 and e.stream > ? order by e.stream limit 1`,
    )
    this.#oldest = writer.prepare(
      `select position, revision, created_ms from events where stream = ? and revision >= 0
       order by revision limit ${eventStoreScavengeSliceEventsMax}`,
    )
    this.#remove = writer.prepare('delete from events where position = ?')
    this.#mark = writer.prepare(
      `insert into state (name, value) values ('scavenged_to', ?)
       on conflict (name) do update set value = max(value, excluded.value)`,
    )
    this.#free = writer.prepare('pragma freelist_count')
  }

  /**
   * Goes over all streams again and again, at most a small share of the time, and pauses while the writer is busy. Events
   * younger than `ageMs` stay, so that the repeat of an append at an exact revision finds them.
   */
  async keepClean({ everyMs, ageMs }: { everyMs: number; ageMs: number }): Promise<void> {
    const { signal } = this.#stopping
    try {
      for (;;) {
        await delay(everyMs, undefined, { signal, ref: false })
        await this.#quietly(this.#slices(ageMs, eventStoreFreePagesMax))
      }
    } catch (error) {
      if (!signal.aborted) this.#deps.onBroken(error)
    }
  }

  /** One pass at once; gives how many events it removed. Ends early when `goOn` says so. */
  async pass(goOn: () => boolean): Promise<number> {
    let removed = 0
    for (const count of this.#slices(0, 0)) {
      removed += count
      await turn()
      if (!goOn() || this.#stopping.signal.aborted) break
    }
    return removed
  }

  stop(): void {
    this.#stopping.abort()
  }

  async #quietly(slices: Generator<number>): Promise<void> {
    const { signal } = this.#stopping
    for (;;) {
      const started = performance.now()
      const { done, value } = slices.next()
      if (done === true) return
      const restMs = (performance.now() - started) * (1 / eventStoreScavengeShareMax - 1)
      await delay(Math.ceil(restMs), undefined, { signal, ref: false })
      if (value > 0) await this.#whileBusy()
    }
  }

  /** Until the writer is idle for at least half of the time; a load that never ends does not keep it from going on for ever. */
  async #whileBusy(): Promise<void> {
    const { signal } = this.#stopping
    for (let waited = 0; waited < eventStoreScavengePauseMsMax; waited += loadProbeMs) {
      const before = this.#deps.busyMs()
      await delay(loadProbeMs, undefined, { signal, ref: false })
      if (this.#deps.busyMs() - before < loadProbeMs / 2) return
    }
  }

  /** Each step is a transaction of bounded size and gives the number of events that it removed. */
  *#slices(ageMs: number, freePages: number): Generator<number> {
    for (const stream of this.#hiding()) {
      for (let removed = -1; removed !== 0; ) {
        removed = this.#slice(stream, ageMs)
        yield removed
      }
    }
    while (this.#freePages() > freePages) {
      this.#tidy(() => this.#deps.writer.exec(`pragma incremental_vacuum(${pagesAtOnce})`))
      yield 0
    }
  }

  *#hiding(): Generator<string> {
    for (let found = this.#nextName.get('$$'); found; ) {
      const name = String(found['name'])
      yield name
      yield name.slice(2)
      found = this.#nextName.get(name)
    }
    for (let found = this.#nextTombstoned.get(0); found; ) {
      yield String(found['name'])
      found = this.#nextTombstoned.get(Number(found['id']))
    }
  }

  #freePages(): number {
    return Number(this.#free.get()?.['freelist_count'])
  }

  #slice(stream: string, ageMs: number): number {
    const head = this.#deps.head(stream)
    if (head.id === undefined || head.last < 0) return 0
    const mayGo = ruleOf(head, this.#deps.now(), ageMs)
    const gone: number[] = []
    for (const row of this.#oldest.all(head.id)) {
      if (!mayGo(Number(row['revision']), Number(row['created_ms']))) break
      gone.push(Number(row['position']))
    }
    return gone.length > 0 && this.#tidy(() => this.#removeAll(gone)) ? gone.length : 0
  }

  #removeAll(positions: readonly number[]): void {
    this.#deps.writer.exec('begin immediate')
    for (const position of positions) this.#remove.run(position)
    this.#mark.run(Math.max(...positions))
    this.#deps.writer.exec('commit')
    this.#deps.onRemoved()
  }

  /** A full disk is met again at the next pass; any other error ends the process. */
  #tidy(work: () => void): boolean {
    try {
      work()
      return true
    } catch (error) {
      if (this.#deps.writer.isTransaction) this.#deps.writer.exec('rollback')
      if (!isDiskFull(error)) this.#deps.onBroken(error)
      return false
    }
  }
}

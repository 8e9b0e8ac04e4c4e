import type { DatabaseSync, StatementSync } from 'node:sqlite'
import { eventStoreHeadsMax } from '../../../protocol/limits-embedded.ts'
import { isMetastream, metastreamOf, storedTombstone } from './stored.ts'
import { noTruncation, type Truncation, truncationOf } from './stream-metadata.ts'

/** Where a stream stands. */
export type Head = {
  /** Row of the stream; `undefined` while it was never written. */
  id: number | undefined
  /** The newest revision, −1 when there is none. */
  last: number
  tombstoned: boolean
  /** A metastream whose stream was tombstoned: it is not read again, but one that has events still takes appends (recorded). */
  closedByOwner: boolean
  /** What its metadata says. */
  truncation: Truncation
  /** Whether its metadata was ever written. */
  hasMetadata: boolean
}

const metadataTruncation: Truncation = { ...noTruncation, maxCount: 1 }

/** The heads of the streams that were used last, as the writing connection sees them. */
export class Heads {
  // Two generations: the younger fills up, then replaces the older. Evicting by keys().next() costs more the more was deleted.
  #young = new Map<string, Head>()
  #old = new Map<string, Head>()
  readonly #stream: StatementSync
  readonly #last: StatementSync
  readonly #tombstone: StatementSync
  readonly #metadata: StatementSync

  constructor(writer: DatabaseSync) {
    this.#stream = writer.prepare('select id from streams where name = ?')
    this.#last = writer.prepare('select max(revision) as last from events where stream = ?')
    this.#tombstone = writer.prepare(
      `select 1 from events where stream = ? and revision = ${storedTombstone}`,
    )
    this.#metadata = writer.prepare(
      'select data, content_type from events where stream = ? and revision >= 0 order by revision desc limit 1',
    )
  }

  of(name: string): Head {
    const young = this.#young.get(name)
    if (young) return young
    const head = this.#old.get(name) ?? this.#load(name)
    if (this.#young.size >= eventStoreHeadsMax / 2) {
      this.#old = this.#young
      this.#young = new Map()
    }
    this.#young.set(name, head)
    return head
  }

  /** After a transaction that did not commit, what was foreseen of the future is forgotten. */
  forgetAll(): void {
    this.#young.clear()
    this.#old.clear()
  }

  #load(name: string): Head {
    const id = this.#idOf(name)
    const owner = isMetastream(name) ? this.#idOf(name.slice(2)) : undefined
    const meta = isMetastream(name) ? undefined : this.#idOf(metastreamOf(name))
    return {
      id,
      last: id === undefined ? -1 : Math.max(-1, Number(this.#last.get(id)?.['last'] ?? -1)),
      // After a tombstone of the stream its metadata is gone for ever too.
      tombstoned: this.#isTombstoned(id) || this.#isTombstoned(owner),
      closedByOwner: this.#isTombstoned(owner) && !this.#isTombstoned(id),
      truncation: isMetastream(name) ? metadataTruncation : this.#truncation(meta),
      hasMetadata: meta !== undefined && this.#last.get(meta)?.['last'] !== null,
    }
  }

  #isTombstoned(id: number | undefined): boolean {
    return id !== undefined && this.#tombstone.get(id) !== undefined
  }

  #idOf(name: string): number | undefined {
    return this.#stream.get(name)?.['id'] as number | undefined
  }

  // The newest event alone, of any type; one that is not JSON has no effect.
  #truncation(metastream: number | undefined): Truncation {
    if (metastream === undefined || this.#isTombstoned(metastream)) return noTruncation
    const newest = this.#metadata.get(metastream)
    return newest
      ? truncationOf(newest['data'] as Uint8Array, String(newest['content_type']))
      : noTruncation
  }
}

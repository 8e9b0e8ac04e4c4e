import type { DatabaseSync, StatementSync } from 'node:sqlite'
import { eventStoreHeadsMax } from '../../../protocol/limits.ts'
import { isMetastream, metastreamOf, storedTombstone } from './stored.ts'
import { noTruncation, parseTruncation, type Truncation } from './stream-metadata.ts'

/** Where a stream stands. */
export type Head = {
  /** Row of the stream; `undefined` while it was never written. */
  id: number | undefined
  /** The newest revision, −1 when there is none. */
  last: number
  tombstoned: boolean
  /** What its metadata says. */
  truncation: Truncation
  /** Whether its metadata was ever written. */
  hasMetadata: boolean
}

const metadataTruncation: Truncation = { ...noTruncation, maxCount: 1 }

/** The heads of the streams that were used last, as the writing connection sees them. */
export class Heads {
  readonly #heads = new Map<string, Head>()
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
      'select data from events where stream = ? and revision >= 0 order by revision desc limit 20',
    )
  }

  of(name: string): Head {
    const known = this.#heads.get(name)
    if (known) {
      this.#heads.delete(name)
      this.#heads.set(name, known)
      return known
    }
    const head = this.#load(name)
    this.#heads.set(name, head)
    const [oldest] = this.#heads.size > eventStoreHeadsMax ? this.#heads.keys() : []
    if (oldest !== undefined) this.#heads.delete(oldest)
    return head
  }

  /** After a transaction that did not commit, what was foreseen of the future is forgotten. */
  forgetAll(): void {
    this.#heads.clear()
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

  // An event of any type counts; one that is not JSON does not, and the one before it goes on.
  #truncation(metastream: number | undefined): Truncation {
    if (metastream === undefined || this.#isTombstoned(metastream)) return noTruncation
    for (const row of this.#metadata.all(metastream)) {
      const truncation = parseTruncation(row['data'] as Uint8Array)
      if (truncation) return truncation
    }
    return noTruncation
  }
}

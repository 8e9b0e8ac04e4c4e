/**
 * The port to the event store. One adapter speaks to EventStoreDB and to the embedded store alike
 * (`eventstoredb.ts`); everything else of Lapel knows these types alone.
 */

/** A commit position in the log: opaque, rising, not dense. As text it is decimal. */
export type Position = bigint

/** An event to append. JSON is serialised by the client; bytes are stored as they are. */
export type NewEvent = {
  /** UUID, made once per call, so that a retry is the same event. */
  readonly id: string
  readonly type: string
  readonly data: object | Uint8Array
  readonly metadata: object
}

/** An event as it was stored. */
export type StoredEvent = {
  readonly id: string
  readonly type: string
  readonly stream: string
  readonly revision: number
  readonly position: Position
  /** Unix milliseconds: when the store took it in, by its clock. */
  readonly createdMs: number
  /** Parsed JSON, or the bytes where the content type is octet-stream. */
  readonly data: unknown
  /** Parsed when it is asked for; the bytes where they are no JSON. */
  readonly metadata: unknown
  readonly metadataBytes: Buffer
}

/** The revision that the last event of the stream has, or that there is none. Never `any`: a retry must be idempotent for ever. */
export type ExpectedRevision = number | 'no_stream'

export type AppendResult =
  | { readonly kind: 'appended'; readonly position: Position; readonly revision: number }
  | { readonly kind: 'conflict' }

/** What a subscription yields, in the order of the log. */
export type Followed =
  | { readonly kind: 'event'; readonly event: StoredEvent }
  /** Nothing that the filter lets through stands before this position. */
  | { readonly kind: 'checkpoint'; readonly position: Position }
  /** The end of the log was reached; it has no position. */
  | { readonly kind: 'caught-up' }

/** Yields what is at hand, at least one item and at most `followedItemsMax`, in the order of the log. */
export type Subscription = AsyncIterable<readonly Followed[]> & {
  /** Ends the subscription; the iteration ends without an error. */
  readonly close: () => Promise<void>
}

export type EventStore = {
  /** Events of a stream from a revision on, oldest first; `[]` when there are none. Throws `StoreUnavailable`. */
  readonly readStream: (stream: string, from?: number) => Promise<readonly StoredEvent[]>
  /** The newest event of a stream, or `undefined`. Throws `StoreUnavailable`. */
  readonly readLast: (stream: string) => Promise<StoredEvent | undefined>
  /** A page of a stream, from a revision on (inclusive) or from its end or start. Throws `StoreUnavailable`. */
  readonly readPage: (
    stream: string,
    page: { readonly from?: number; readonly count: number; readonly order: 'asc' | 'desc' },
  ) => Promise<readonly StoredEvent[]>
  /**
   * All of `events` in one append, or none. When it throws `StoreUnavailable` the outcome is unknown: sending the same events at
   * the same revision again is safe.
   */
  readonly append: (
    stream: string,
    events: readonly NewEvent[],
    expected: ExpectedRevision,
  ) => Promise<AppendResult>
  /** Keeps only the newest `count` events of a stream readable. */
  readonly keepNewest: (stream: string, count: number) => Promise<void>
  /**
   * Everything in streams whose name begins with one of the prefixes, after `from` (exclusive) or from the start. The
   * iteration throws `StoreUnavailable` when the connection is lost.
   */
  readonly subscribe: (options: {
    readonly prefixes: readonly string[]
    readonly from: Position | 'start'
  }) => Subscription
  /** Whether any event stands in a stream with one of the prefixes. */
  readonly holdsAny: (prefixes: readonly string[]) => Promise<boolean>
  readonly close: () => Promise<void>
}

/** The event store could not be reached, did not answer in time, or refused for now. */
export class StoreUnavailable extends Error {
  override readonly name = 'StoreUnavailable'
}

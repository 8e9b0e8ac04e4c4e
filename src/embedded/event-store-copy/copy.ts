import { createHash } from 'node:crypto'
import { setTimeout as delay } from 'node:timers/promises'
import { appendBytesMax } from '../../../protocol/limits.ts'
import {
  eventStoreCopyBytesMax,
  eventStoreCopyPageEventsMax,
  eventStoreCopyPollMs,
} from '../../../protocol/limits-embedded.ts'
import { Appender } from './appender.ts'
import type { Store } from './connect.ts'
import { LogCursor, type LogEvent, tombstoneRevision } from './log-cursor.ts'

/** The copy cannot go on: a sentence for the person who started it. */
export class CopyRefused extends Error {
  override readonly name = 'CopyRefused'
}

export type Copied = {
  /** All that both logs hold, verified event by event. */
  readonly events: number
  /** Of these: written by this run. */
  readonly written: number
  readonly streams: number
  readonly bytes: number
  /** Over stream, type, id, content type, data and metadata of all events, in their order. */
  readonly sha256: string
}

export type CopyProgress = {
  readonly events: number
  readonly written: number
  /** Of the source's log, to be compared with the position of its end. */
  readonly position: string
  /** Whether the source's end was reached. */
  readonly isCaughtUp: boolean
}

type Options = {
  readonly from: Store
  readonly to: Store
  readonly onProgress: (progress: CopyProgress) => void
  /** Whether to wait for more at the end of the source. */
  readonly goOn: () => boolean
  /** Brings the source's log again after its store has stopped. */
  readonly onSourceGone?: () => Promise<Store>
}

const isMetadata = ({ stream }: LogEvent): boolean => stream.startsWith('$$')
const isTombstone = ({ revision }: LogEvent): boolean => revision === tombstoneRevision
const bytesOf = ({ data, metadata }: LogEvent): number => data.length + metadata.length

const sameBytes = (a: Uint8Array, b: Uint8Array): boolean => Buffer.compare(a, b) === 0

const tb = /("\$tb"\s*:\s*)(\d+)/

/** An event as it is to stand in the target. */
type Item = { readonly event: LogEvent; readonly revision: number }

const foreign = (): CopyRefused =>
  new CopyRefused(
    'the other store holds events that are not of this one, or not in its order: a copy needs an empty store, or one that an earlier copy began',
  )

const isSame = ({ event, revision }: Item, held: LogEvent): boolean => {
  if (event.stream !== held.stream || event.type !== held.type) return false
  // The other store makes the event of a tombstone itself.
  if (isTombstone(event)) return isTombstone(held)
  return (
    event.id === held.id &&
    event.contentType === held.contentType &&
    (isMetadata(event) || revision === Number(held.revision)) &&
    sameBytes(event.data, held.data) &&
    sameBytes(event.metadata, held.metadata)
  )
}

type Run = [Item, ...Item[]]

/** Neighbours of one stream make one append, up to its limit; metadata and tombstones stand alone. */
const runsOf = (batch: readonly Item[]): Run[] => {
  const runs: Run[] = []
  let bytes = 0
  for (const item of batch) {
    const { event } = item
    const run = runs.at(-1)
    bytes += event.data.length
    const isAlone = isMetadata(event) || isTombstone(event)
    if (run && !isAlone && run[0].event.stream === event.stream && bytes <= appendBytesMax)
      run.push(item)
    else {
      runs.push([item])
      bytes = event.data.length
    }
  }
  return runs
}

class Copy {
  readonly #source: LogCursor
  readonly #target: LogCursor
  readonly #appender: Appender
  readonly #options: Options
  readonly #hash = createHash('sha256')
  /** How many events of a stream are in the target, and the first revision that the source still has. */
  readonly #streams = new Map<string, { count: number; readonly first: number }>()
  #events = 0
  #written = 0
  #bytes = 0

  constructor(options: Options) {
    this.#options = options
    this.#source = new LogCursor(options.from, options.onSourceGone)
    this.#target = new LogCursor(options.to)
    this.#appender = new Appender(options.to)
  }

  async run(): Promise<Copied> {
    await this.#compare()
    do {
      for (let batch = await this.#batch(); batch.length > 0; batch = await this.#batch()) {
        await this.#write(batch)
        for (const item of batch) await this.#check(item)
        this.#written += batch.length
        this.#tell()
      }
    } while (await this.#isMoreToCome())
    if ((await this.#nextOfTarget(undefined)) !== undefined) throw foreign()
    return {
      events: this.#events,
      written: this.#written,
      streams: this.#streams.size,
      bytes: this.#bytes,
      sha256: this.#hash.digest('hex'),
    }
  }

  close(): void {
    this.#appender.close()
  }

  async #isMoreToCome(): Promise<boolean> {
    this.#tell(true)
    if (!this.#options.goOn()) return false
    await delay(eventStoreCopyPollMs)
    return true
  }

  #tell(isCaughtUp = false): void {
    this.#options.onProgress({
      events: this.#events,
      written: this.#written,
      position: this.#source.position ?? '0',
      isCaughtUp,
    })
  }

  /** What an earlier run brought: both logs are walked side by side up to the target's end. */
  async #compare(): Promise<void> {
    for (;;) {
      const next = await this.#source.peek()
      if ((await this.#nextOfTarget(next?.id)) === undefined) return
      const item = await this.#take()
      if (!item) throw foreign()
      await this.#check(item)
      if (this.#events % eventStoreCopyPageEventsMax === 0) this.#tell()
    }
  }

  /** The target's next event, but for metadata that it wrote of itself when a deleted stream was shown again. */
  async #nextOfTarget(awaitedId: string | undefined): Promise<LogEvent | undefined> {
    for (;;) {
      const held = await this.#target.peek()
      if (!held || !isMetadata(held) || held.id === awaitedId) return held
      this.#target.advance()
    }
  }

  /** The next event of the source as it is to stand in the target. */
  async #take(): Promise<Item | undefined> {
    const event = await this.#source.peek()
    if (!event) return undefined
    this.#source.advance()
    const known = this.#streams.get(event.stream)
    const place = known ?? { count: 0, first: Number(event.revision) }
    if (!known) this.#streams.set(event.stream, place)
    place.count += 1
    return { event: this.#adapted(event), revision: place.count - 1 }
  }

  /** The next events of the source, up to a page. A tombstone ends it: that goes by a call of its own. */
  async #batch(): Promise<Item[]> {
    const batch: Item[] = []
    for (let bytes = 0; batch.length < eventStoreCopyPageEventsMax; ) {
      const item = await this.#take()
      if (!item) return batch
      batch.push(item)
      bytes += bytesOf(item.event)
      if (isTombstone(item.event) || bytes > eventStoreCopyBytesMax) return batch
    }
    return batch
  }

  async #write(batch: readonly Item[]): Promise<void> {
    const appends: Promise<void>[] = []
    for (const run of runsOf(batch)) {
      const [{ event, revision }] = run
      if (isTombstone(event)) {
        await Promise.all(appends)
        await this.#appender.tombstone(event.stream)
        return
      }
      const expected = isMetadata(event) ? 'any' : revision - 1
      const events = run.map((item) => item.event)
      appends.push(this.#appender.append(event.stream, events, expected))
    }
    await Promise.all(appends)
  }

  /**
   * Where the source has scavenged the beginning of a stream its revisions begin anew at 0, and `$tb`, which is a revision,
   * moves with them.
   */
  #adapted(event: LogEvent): LogEvent {
    if (!isMetadata(event)) return event
    const shift = this.#streams.get(event.stream.slice(2))?.first ?? 0
    if (shift === 0 || event.contentType !== 'application/json') return event
    const text = Buffer.from(event.data).toString('utf8')
    const moved = text.replace(tb, (whole, key: string, revision: string) =>
      revision === tombstoneRevision ? whole : `${key}${Math.max(0, Number(revision) - shift)}`,
    )
    return { ...event, data: Buffer.from(moved) }
  }

  /** Reads back what was written and compares it with what it was written from. */
  async #check(item: Item): Promise<void> {
    const held = await this.#nextOfTarget(item.event.id)
    if (!held || !isSame(item, held)) throw foreign()
    this.#target.advance()
    const { stream, type, contentType } = held
    const id = isTombstone(held) ? '' : held.id
    this.#hash.update(JSON.stringify([stream, type, id, contentType, held.data.length]))
    this.#hash.update(held.data).update(held.metadata)
    this.#events += 1
    this.#bytes += bytesOf(held)
  }
}

/**
 * Copies every event of ordinary streams, and their metadata, in the order of the log, and compares every one of them as the
 * other store gives it back. Begun again it goes on where the other store ends. Throws `CopyRefused`.
 */
export const copyLog = async (options: Options): Promise<Copied> => {
  const copy = new Copy(options)
  try {
    return await copy.run()
  } finally {
    copy.close()
  }
}

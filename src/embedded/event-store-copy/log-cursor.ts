import shared from '@eventstore/db-client/generated/shared_pb.js'
import type { ReadResp } from '@eventstore/db-client/generated/streams_pb.js'
import streams from '@eventstore/db-client/generated/streams_pb.js'
import { type ServiceError, status } from '@grpc/grpc-js'
import { eventStoreCopyPageEventsMax } from '../../../protocol/limits-embedded.ts'
import type { Store } from './connect.ts'

/** An event as a log has it, contents byte by byte. */
export type LogEvent = {
  readonly position: string
  readonly stream: string
  /** Decimal; `tombstoneRevision` for the event that closes a stream for ever. */
  readonly revision: string
  readonly id: string
  readonly type: string
  readonly contentType: string
  readonly data: Uint8Array
  readonly metadata: Uint8Array
}

export const tombstoneRevision = '9223372036854775807'

const eventOf = (response: ReadResp): LogEvent | undefined => {
  const event = response.getEvent()?.getEvent()
  if (!event) return undefined
  const properties = event.getMetadataMap()
  return {
    position: event.getCommitPosition(),
    stream: Buffer.from(event.getStreamIdentifier()?.getStreamName_asU8() ?? '').toString('utf8'),
    revision: event.getStreamRevision(),
    id: event.getId()?.getString() ?? '',
    type: properties.get('type') ?? '',
    contentType: properties.get('content-type') ?? '',
    data: event.getData_asU8(),
    metadata: event.getCustomMetadata_asU8(),
  }
}

const { Options } = streams.ReadReq

const requestOf = (from: string | undefined, count: number, backwards = false) => {
  const all = new Options.AllOptions()
  if (from !== undefined)
    all.setPosition(new Options.Position().setCommitPosition(from).setPreparePosition(from))
  else if (backwards) all.setEnd(new shared.Empty())
  else all.setStart(new shared.Empty())
  const options = new Options()
    .setAll(all)
    .setReadDirection(backwards ? Options.ReadDirection.BACKWARDS : Options.ReadDirection.FORWARDS)
    .setCount(String(count))
    .setNoFilter(new shared.Empty())
    .setUuidOption(new Options.UUIDOption().setString(new shared.Empty()))
  return new streams.ReadReq().setOptions(options)
}

const read = async (store: Store, request: InstanceType<typeof streams.ReadReq>) => {
  const events: LogEvent[] = []
  for await (const response of store.streams.read(request, store.metadata)) {
    const event = eventOf(response as ReadResp)
    if (event) events.push(event)
  }
  return events
}

/** The position of a log's newest event; `undefined` of an empty one. */
export const endOfLog = async (store: Store): Promise<string | undefined> =>
  (await read(store, requestOf(undefined, 1, true)))[0]?.position

// Of the system's own streams nothing is copied but metadata of ordinary ones: the other store has its own.
const isOrdinary = ({ stream }: LogEvent): boolean =>
  stream.startsWith('$$') ? !stream.startsWith('$', 2) : !stream.startsWith('$')

/** Goes through a log in order, a page at a time, over ordinary streams alone. */
export class LogCursor {
  #store: Store
  readonly #onGone: (() => Promise<Store>) | undefined
  #page: LogEvent[] = []
  #next = 0
  #last: string | undefined

  /** `onGone` brings the same log again after its store has stopped. */
  constructor(store: Store, onGone?: () => Promise<Store>) {
    this.#store = store
    this.#onGone = onGone
  }

  /** Of the newest event that was read from the store, ordinary or not. */
  get position(): string | undefined {
    return this.#last
  }

  /** The event that stands next, which stays so until `advance`; `undefined` at the end, for now. */
  async peek(): Promise<LogEvent | undefined> {
    while (this.#next >= this.#page.length) if (!(await this.#load())) return undefined
    return this.#page[this.#next]
  }

  advance(): void {
    this.#next += 1
  }

  async #read(): Promise<LogEvent[]> {
    const request = requestOf(this.#last, eventStoreCopyPageEventsMax)
    try {
      return await read(this.#store, request)
    } catch (error) {
      if (!this.#onGone || (error as ServiceError).code !== status.UNAVAILABLE) throw error
      this.#store = await this.#onGone()
      return read(this.#store, request)
    }
  }

  async #load(): Promise<boolean> {
    const found = await this.#read()
    // Forwards from a position is inclusive.
    const fresh = found.filter(({ position }) => position !== this.#last)
    this.#last = fresh.at(-1)?.position ?? this.#last
    this.#page = fresh.filter(isOrdinary)
    this.#next = 0
    return fresh.length > 0
  }
}

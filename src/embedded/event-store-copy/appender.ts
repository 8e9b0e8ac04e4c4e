import { randomUUID } from 'node:crypto'
import shared from '@eventstore/db-client/generated/shared_pb.js'
import type { BatchAppendReq, BatchAppendResp } from '@eventstore/db-client/generated/streams_pb.js'
import streams from '@eventstore/db-client/generated/streams_pb.js'
import type { ClientDuplexStream } from '@grpc/grpc-js'
import emptyPb from 'google-protobuf/google/protobuf/empty_pb.js'
import type { Store } from './connect.ts'
import type { LogEvent } from './log-cursor.ts'

/** The revision that the stream must have, −1 for none; metadata is appended whatever stands there. */
export type Expected = number | 'any'

const identifier = (stream: string) =>
  new shared.StreamIdentifier().setStreamName(Buffer.from(stream))

const proposed = ({ id, type, contentType, data, metadata }: LogEvent) => {
  const message = new streams.BatchAppendReq.ProposedMessage()
    .setId(new shared.UUID().setString(id))
    .setData(data)
    .setCustomMetadata(metadata)
  message.getMetadataMap().set('type', type).set('content-type', contentType)
  return message
}

/** Appends over one duplex stream: what is sent first is written first, so the order of the log is kept. */
export class Appender {
  readonly #store: Store
  readonly #call: ClientDuplexStream<BatchAppendReq, BatchAppendResp>
  readonly #waiting = new Map<string, (answer: BatchAppendResp | Error) => void>()

  constructor(store: Store) {
    this.#store = store
    this.#call = store.streams.batchAppend(store.metadata)
    this.#call.on('data', (answer: BatchAppendResp) => {
      const id = answer.getCorrelationId()?.getString() ?? ''
      this.#waiting.get(id)?.(answer)
      this.#waiting.delete(id)
    })
    this.#call.on('error', (error) => this.#fail(error))
    this.#call.on('end', () => this.#fail(new Error('the store ended the connection')))
  }

  #fail(error: Error): void {
    for (const done of this.#waiting.values()) done(error)
    this.#waiting.clear()
  }

  /** Resolves when the events are stored. */
  async append(stream: string, events: readonly LogEvent[], expected: Expected): Promise<void> {
    const options = new streams.BatchAppendReq.Options().setStreamIdentifier(identifier(stream))
    if (expected === 'any') options.setAny(new emptyPb.Empty())
    else if (expected < 0) options.setNoStream(new emptyPb.Empty())
    else options.setStreamPosition(String(expected))
    const correlation = randomUUID()
    const answered = new Promise<BatchAppendResp | Error>((resolve) => {
      this.#waiting.set(correlation, resolve)
    })
    this.#call.write(
      new streams.BatchAppendReq()
        .setCorrelationId(new shared.UUID().setString(correlation))
        .setOptions(options)
        .setProposedMessagesList(events.map(proposed))
        .setIsFinal(true),
    )
    const answer = await answered
    if (answer instanceof Error) throw answer
    const refused = answer.getError()
    if (refused) throw new Error(`${stream} was refused: ${refused.getMessage()}`)
  }

  /** Closes a stream for ever. */
  tombstone(stream: string): Promise<void> {
    const options = new streams.TombstoneReq.Options()
      .setStreamIdentifier(identifier(stream))
      .setAny(new shared.Empty())
    const request = new streams.TombstoneReq().setOptions(options)
    const { streams: service, metadata } = this.#store
    return new Promise((resolve, reject) => {
      service.tombstone(request, metadata, (error) => (error ? reject(error) : resolve()))
    })
  }

  close(): void {
    this.#call.cancel()
  }
}

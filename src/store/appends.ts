import { randomUUID } from 'node:crypto'
import type { Readable, Writable } from 'node:stream'
import type { EventStoreDBClient } from '@eventstore/db-client'
import streamsService from '@eventstore/db-client/generated/streams_grpc_pb.js'
import { appendBytesMax, appendMsMax } from '../../protocol/limits.ts'
import { ShortLived } from '../../protocol/short-lived.ts'
import { appendRequest } from './append-request.ts'
import { type Answer, type Answered, appendResponse } from './append-response.ts'
import { begin, type MakeCall } from './calls.ts'
import type { AppendResult, EventStore } from './event-store.ts'
import { unavailable } from './responses.ts'

type Call = Readable & Pick<Writable, 'write'>
type Pending = {
  readonly resolve: (result: AppendResult) => void
  readonly reject: (error: Error) => void
}

const { path } = streamsService.StreamsService.batchAppend

const serialise = (bytes: Buffer): Buffer => bytes

const open: MakeCall<Call> = (on, ...about) =>
  on.makeBidiStreamRequest(path, serialise, appendResponse, ...about)

/** A call for many appends at a time, and those that wait for an answer. */
class Batch {
  readonly #pending = new ShortLived<string, Pending>()
  readonly #call: Promise<Call>
  /** Why no append is sent here any more. */
  #ended: unknown

  constructor(client: EventStoreDBClient) {
    this.#call = begin(client, 'appendToStream', open)
    this.#call.then(
      (call) => {
        call
          .on('data', ({ correlation, answer }: Answered) => this.#answered(correlation, answer))
          .on('error', (error) => this.#end(error))
          .on('end', () => this.#end(new Error('ended by the server')))
          .on('close', () => this.#end(new Error('closed')))
      },
      (error) => this.#end(error),
    )
  }

  get isOpen(): boolean {
    return this.#ended === undefined
  }

  send(correlation: string, bytes: Buffer, pending: Pending): void {
    this.#pending.set(correlation, pending)
    // Where it fails, what is pending was told.
    this.#call.then(
      (call) => call.write(bytes),
      () => {},
    )
  }

  #answered(correlation: string, answer: Answer): void {
    const pending = this.#pending.get(correlation)
    this.#pending.delete(correlation)
    if (!pending) return
    if (answer.kind === 'appended' || answer.kind === 'conflict') pending.resolve(answer)
    else
      pending.reject(
        // Lapel deletes no stream that it appends to.
        answer.kind === 'refused' ? new Error(answer.because) : new Error('no position was sent'),
      )
  }

  #end(error: unknown): void {
    if (!this.isOpen) return
    this.#ended = error
    for (const { reject } of this.#pending.values()) reject(error as Error)
    this.#pending.clear()
  }
}

/**
 * Appends over one call for all of them, which is begun anew where it ended. The client's own keeps one table for all clients of a process,
 * and an answer that comes late ends the process.
 */
export const openAppends = (client: EventStoreDBClient): EventStore['append'] => {
  let batch: Batch | undefined
  return async (stream, events, expected) => {
    try {
      const correlation = randomUUID()
      const deadlineMs = Date.now() + appendMsMax
      const { bytes, dataBytes } = appendRequest({
        correlation,
        stream,
        events,
        expected,
        deadlineMs,
      })
      if (dataBytes > appendBytesMax)
        throw new Error(`${dataBytes} bytes of data are more than ${appendBytesMax}`)
      batch = batch?.isOpen ? batch : new Batch(client)
      return await new Promise<AppendResult>((resolve, reject) =>
        batch?.send(correlation, bytes, { resolve, reject }),
      )
    } catch (error) {
      throw unavailable(`append to ${stream}`, error)
    }
  }
}

import type { UUID } from '@eventstore/db-client/generated/shared_pb.js'
import type { Status } from '@eventstore/db-client/generated/status_pb.js'
import type { BatchAppendReq, BatchAppendResp } from '@eventstore/db-client/generated/streams_pb.js'
import streams from '@eventstore/db-client/generated/streams_pb.js'
import type { ServerDuplexStream } from '@grpc/grpc-js'
import {
  appendBytesMax,
  eventStorePartialAppendMsMax,
  eventStoreRequestBytesMax,
} from '../../../protocol/limits.ts'
import { answerOf, badRequest, timedOut, withTarget } from './batch-answers.ts'
import type { Expected } from './check-append.ts'
import { expectedOfBatch } from './expected.ts'
import { tooLong } from './faults.ts'
import { proposedOf } from './proposals.ts'
import type { OpenCall } from './sender.ts'
import type { Proposed } from './stored.ts'
import { streamName, uuidMessage, uuidText } from './wire.ts'
import type { Writer, Written } from './writer.ts'

type Call = ServerDuplexStream<BatchAppendReq, BatchAppendResp>

/** An append whose requests are still coming in. */
type Partial = {
  readonly correlation: UUID
  readonly stream: string
  readonly expected: Expected
  readonly events: Proposed[]
  readonly deadlineMs: number
  readonly timer: NodeJS.Timeout
  dataBytes: number
  bytes: number
}

const refusal = (status: Status) => new streams.BatchAppendResp().setError(status)

/** One duplex stream of appends; answers come as the commits do, in whatever order. */
class Batch {
  readonly #writer: Writer
  readonly #call: Call
  readonly #now: () => number
  readonly #partials = new Map<string, Partial>()
  #heldBytes = 0
  #pending = 0
  #halfClosed = false
  #answered = false
  #leftIncomplete = false
  #open = true

  constructor(writer: Writer, call: Call, now: () => number) {
    this.#writer = writer
    this.#call = call
    this.#now = now
    call.on('data', (request: BatchAppendReq) => this.#take(request))
    call.on('drain', () => call.resume())
    call.on('end', () => {
      this.#halfClosed = true
      this.#endIfDone()
    })
    for (const event of ['cancelled', 'close', 'error'] as const)
      call.on(event, () => this.#leave())
  }

  #leave(): void {
    this.#open = false
    for (const { timer } of this.#partials.values()) clearTimeout(timer)
    this.#partials.clear()
  }

  // Whoever does not read its answers is not read either.
  #send(answer: BatchAppendResp, correlation: UUID | undefined): void {
    this.#answered = true
    if (!this.#open) return
    if (!this.#call.write(answer.setCorrelationId(correlation))) this.#call.pause()
    this.#endIfDone()
  }

  // A half-close with something incomplete, or with nothing ever sent, leaves the call open.
  #endIfDone(): void {
    if (
      this.#halfClosed &&
      this.#answered &&
      this.#pending === 0 &&
      this.#partials.size === 0 &&
      !this.#leftIncomplete &&
      this.#open
    )
      this.#call.end()
  }

  #take(request: BatchAppendReq): void {
    const correlation = request.getCorrelationId()
    const key = uuidText(correlation)
    const known = key === undefined ? undefined : this.#partials.get(key)
    // A part of something that is not known, or was answered, is passed over.
    if (!this.#open || (key !== undefined && !known && !request.hasOptions())) return
    const stream = known?.stream ?? streamName(request.getOptions()?.getStreamIdentifier())
    try {
      if (!correlation || key === undefined) throw new Error('The request has no correlation id.')
      const partial = known ?? this.#begin(key, correlation, request)
      this.#add(key, partial, request)
    } catch (error) {
      this.#drop(key ?? '')
      const status = badRequest(String((error as Error).message))
      this.#send(withTarget(refusal(status), stream), correlation)
    }
  }

  #add(key: string, partial: Partial, request: BatchAppendReq): void {
    for (const message of request.getProposedMessagesList()) {
      const event = proposedOf(message)
      const bytes = event.data.length + event.metadata.length
      partial.events.push(event)
      partial.dataBytes += event.data.length
      partial.bytes += bytes
      this.#heldBytes += bytes
    }
    if (partial.dataBytes > appendBytesMax) {
      this.#drop(key)
      this.#answer(partial, { kind: 'too-big' })
      return
    }
    if (this.#heldBytes > eventStoreRequestBytesMax && !request.getIsFinal()) {
      this.#call.emit('error', tooLong(eventStoreRequestBytesMax))
      return
    }
    if (request.getIsFinal()) this.#commit(key, partial)
  }

  #begin(key: string, correlation: UUID, request: BatchAppendReq): Partial {
    const options = request.getOptions()
    const stream = streamName(options?.getStreamIdentifier())
    const expected = options && expectedOfBatch(options)
    if (stream === '' || stream === '$$') throw new Error('The append names no stream.')
    if (expected === undefined)
      throw new Error('The append says not what it expects of the stream.')
    const deadline = options?.getDeadline()
    const deadlineMs = deadline
      ? deadline.getSeconds() * 1_000 + deadline.getNanos() / 1e6
      : Number.POSITIVE_INFINITY
    const waitMs = Math.min(Math.max(0, deadlineMs - this.#now()), eventStorePartialAppendMsMax)
    const timer = setTimeout(() => this.#expire(key), waitMs)
    const partial = {
      correlation,
      stream,
      expected,
      events: [],
      deadlineMs,
      timer,
      dataBytes: 0,
      bytes: 0,
    }
    this.#partials.set(key, partial)
    return partial
  }

  #drop(key: string): Partial | undefined {
    const partial = this.#partials.get(key)
    clearTimeout(partial?.timer)
    this.#partials.delete(key)
    this.#heldBytes -= partial?.bytes ?? 0
    return partial
  }

  #answer({ stream, expected, correlation }: Partial, written: Written): void {
    this.#send(withTarget(answerOf(stream, expected, written), stream), correlation)
  }

  // What is never completed is answered with the correlation id in structured form (recorded).
  #expire(key: string): void {
    const partial = this.#drop(key)
    if (!partial) return
    this.#leftIncomplete ||= this.#halfClosed
    this.#send(withTarget(refusal(timedOut()), partial.stream), uuidMessage(key, 'structured'))
  }

  #commit(key: string, partial: Partial): void {
    const { stream, expected, events, deadlineMs } = partial
    this.#drop(key)
    if (deadlineMs <= this.#now()) {
      this.#send(withTarget(refusal(timedOut()), stream), partial.correlation)
      return
    }
    this.#pending += 1
    void this.#writer.append(stream, events, expected).then((written) => {
      this.#pending -= 1
      this.#answer(partial, written)
    })
  }
}

/** Streams.BatchAppend. */
export const batchAppend =
  (writer: Writer, now: () => number, open: Set<OpenCall>) =>
  (call: Call): void => {
    open.add(call)
    for (const event of ['cancelled', 'close', 'error', 'finish'] as const)
      call.on(event, () => open.delete(call))
    new Batch(writer, call, now)
  }

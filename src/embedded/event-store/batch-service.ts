import type { UUID } from '@eventstore/db-client/generated/shared_pb.js'
import type { Status } from '@eventstore/db-client/generated/status_pb.js'
import type { BatchAppendReq, BatchAppendResp } from '@eventstore/db-client/generated/streams_pb.js'
import streams from '@eventstore/db-client/generated/streams_pb.js'
import type { ServerDuplexStream } from '@grpc/grpc-js'
import { eventStorePartialAppendMsMax } from '../../../protocol/limits.ts'
import { answerOf, badRequest, timedOut, withTarget } from './batch-answers.ts'
import type { Expected } from './check-append.ts'
import { expectedOfBatch } from './expected.ts'
import { proposedOf } from './proposals.ts'
import type { Proposed } from './stored.ts'
import { streamName, uuidMessage, uuidText } from './wire.ts'
import type { Writer } from './writer.ts'

type Call = ServerDuplexStream<BatchAppendReq, BatchAppendResp>

/** An append whose requests are still coming in. */
type Partial = {
  readonly correlation: UUID
  readonly stream: string
  readonly expected: Expected
  readonly events: Proposed[]
  readonly deadlineMs: number
  readonly timer: NodeJS.Timeout
}

const maxTimerMs = 2_147_483_647

/** One duplex stream of appends; answers come as the commits do, in whatever order. */
class Batch {
  readonly #writer: Writer
  readonly #call: Call
  readonly #now: () => number
  readonly #partials = new Map<string, Partial>()
  #pending = 0
  #halfClosed = false
  #answered = false
  #open = true

  constructor(writer: Writer, call: Call, now: () => number) {
    this.#writer = writer
    this.#call = call
    this.#now = now
    call.on('data', (request: BatchAppendReq) => this.#take(request))
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

  #send(answer: BatchAppendResp, correlation: UUID | undefined): void {
    this.#answered = true
    if (this.#open) this.#call.write(answer.setCorrelationId(correlation))
  }

  #refuse(correlation: UUID | undefined, status: Status): void {
    this.#send(new streams.BatchAppendResp().setError(status), correlation)
    this.#endIfDone()
  }

  // A half-close with something incomplete, or with nothing ever sent, leaves the call open.
  #endIfDone(): void {
    if (
      this.#halfClosed &&
      this.#answered &&
      this.#pending === 0 &&
      this.#partials.size === 0 &&
      this.#open
    )
      this.#call.end()
  }

  #take(request: BatchAppendReq): void {
    const correlation = request.getCorrelationId()
    const key = uuidText(correlation)
    if (!correlation || key === undefined)
      return this.#refuse(correlation, badRequest('The request has no correlation id.'))
    try {
      const partial = this.#partials.get(key) ?? this.#begin(key, correlation, request)
      for (const message of request.getProposedMessagesList())
        partial.events.push(proposedOf(message))
      if (request.getIsFinal()) this.#commit(key, partial)
    } catch (error) {
      this.#drop(key)
      this.#refuse(correlation, badRequest(String((error as Error).message)))
    }
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
    const waitMs = Math.min(
      Math.max(0, deadlineMs - this.#now()),
      eventStorePartialAppendMsMax,
      maxTimerMs,
    )
    const timer = setTimeout(() => this.#expire(key), waitMs)
    const partial = { correlation, stream, expected, events: [], deadlineMs, timer }
    this.#partials.set(key, partial)
    return partial
  }

  #drop(key: string): Partial | undefined {
    const partial = this.#partials.get(key)
    clearTimeout(partial?.timer)
    this.#partials.delete(key)
    return partial
  }

  #expire(key: string): void {
    const partial = this.#drop(key)
    if (!partial) return
    const answer = new streams.BatchAppendResp().setError(timedOut())
    this.#send(withTarget(answer, partial.stream, partial.expected), uuidMessage(key, 'structured'))
    this.#endIfDone()
  }

  #commit(key: string, { correlation, stream, expected, events, deadlineMs }: Partial): void {
    this.#drop(key)
    if (deadlineMs <= this.#now()) {
      this.#send(
        withTarget(new streams.BatchAppendResp().setError(timedOut()), stream, expected),
        uuidMessage(key, 'structured'),
      )
      return this.#endIfDone()
    }
    this.#pending += 1
    void this.#writer.append(stream, events, expected).then((written) => {
      this.#pending -= 1
      this.#send(withTarget(answerOf(stream, expected, written), stream, expected), correlation)
      this.#endIfDone()
    })
  }
}

/** Streams.BatchAppend. */
export const batchAppend =
  (writer: Writer, now: () => number) =>
  (call: Call): void => {
    new Batch(writer, call, now)
  }

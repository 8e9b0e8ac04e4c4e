import type { Status } from '@eventstore/db-client/generated/status_pb.js'
import type { ServerDuplexStream } from '@grpc/grpc-js'
import { appendBytesMax } from '../../../protocol/limits.ts'
import {
  eventStorePartialAppendMsMax,
  eventStoreRequestBytesMax,
} from '../../../protocol/limits-embedded.ts'
import { ShortLived } from '../../../protocol/short-lived.ts'
import { type Answer, answerOf, badRequest, refusal, timedOut } from './batch-answers.ts'
import type { Expected } from './check-append.ts'
import { type BatchRequest, uuidIn } from './codec/batch-append.ts'
import { diskFull, tooLong } from './faults.ts'
import type { OpenCall } from './sender.ts'
import type { Proposed } from './stored.ts'
import { uuidMessage } from './wire.ts'
import type { Writer } from './writer.ts'

type Call = ServerDuplexStream<BatchRequest, Answer>

/** An append whose requests are still coming in. */
type Partial = {
  readonly correlation: Buffer
  readonly stream: string
  readonly expected: Expected
  readonly events: Proposed[]
  readonly deadlineMs: number
  readonly timer: NodeJS.Timeout
  dataBytes: number
  bytes: number
}

/** One duplex stream of appends; answers come as the commits do, in whatever order. */
class Batch {
  readonly #writer: Writer
  readonly #call: Call
  readonly #now: () => number
  readonly #partials = new ShortLived<string, Partial>()
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
    call.on('data', (request: BatchRequest) => this.#take(request))
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
  #send(answer: Answer): void {
    this.#answered = true
    if (!this.#open) return
    if (!this.#call.write(answer)) this.#call.pause()
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

  #take(request: BatchRequest): void {
    const { correlation, options } = request
    const key = uuidIn(correlation)
    const known = key === undefined ? undefined : this.#partials.get(key)
    // A part of something that is not known, or was answered, is passed over.
    if (!this.#open || (key !== undefined && !known && !options)) return
    const stream = known?.stream ?? options?.stream ?? ''
    try {
      if (!correlation || key === undefined) throw new Error('The request has no correlation id.')
      const partial = known ?? this.#begin(key, correlation, request)
      this.#add(key, partial, request)
    } catch (error) {
      this.#drop(key ?? '')
      this.#refuse(badRequest(String((error as Error).message)), stream, correlation)
    }
  }

  #refuse(status: Status, stream: string, correlation: Uint8Array | undefined): void {
    this.#send(refusal(status, stream, correlation))
  }

  #add(key: string, partial: Partial, request: BatchRequest): void {
    if (request.malformed !== undefined) throw request.malformed
    for (const event of request.events) {
      const bytes = event.data.length + event.metadata.length
      partial.events.push(event)
      partial.dataBytes += event.data.length
      partial.bytes += bytes
      this.#heldBytes += bytes
    }
    if (partial.dataBytes > appendBytesMax) {
      this.#drop(key)
      this.#send(answerOf({ kind: 'too-big' }, partial))
      return
    }
    if (this.#heldBytes > eventStoreRequestBytesMax && !request.isFinal) {
      this.#call.emit('error', tooLong(eventStoreRequestBytesMax))
      return
    }
    if (request.isFinal) this.#commit(key, partial)
  }

  #begin(key: string, correlation: Buffer, { options }: BatchRequest): Partial {
    const { stream = '', expected, deadlineMs = Number.POSITIVE_INFINITY } = options ?? {}
    if (stream === '' || stream === '$$') throw new Error('The append names no stream.')
    if (expected === undefined)
      throw new Error('The append says not what it expects of the stream.')
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

  // What is never completed is answered with the correlation id in structured form (recorded).
  #expire(key: string): void {
    const partial = this.#drop(key)
    if (!partial) return
    this.#leftIncomplete ||= this.#halfClosed
    const structured = uuidMessage(key, 'structured').serializeBinary()
    this.#refuse(timedOut(), partial.stream, structured)
  }

  #commit(key: string, partial: Partial): void {
    const { stream, expected, events, deadlineMs } = partial
    this.#drop(key)
    if (deadlineMs <= this.#now()) {
      this.#refuse(timedOut(), stream, partial.correlation)
      return
    }
    this.#pending += 1
    void this.#writer.append(stream, events, expected).then((written) => {
      this.#pending -= 1
      if (written.kind !== 'disk-full') this.#send(answerOf(written, partial))
      else if (this.#open) this.#call.emit('error', diskFull())
    })
  }
}

/** Streams.BatchAppend. */
export const batchAppend =
  (writer: Writer, now: () => number, open: ShortLived<OpenCall, true>) =>
  (call: Call): void => {
    open.set(call, true)
    for (const event of ['cancelled', 'close', 'error', 'finish'] as const)
      call.on(event, () => open.delete(call))
    new Batch(writer, call, now)
  }

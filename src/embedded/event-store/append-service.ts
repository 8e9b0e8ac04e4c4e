import type {
  AppendReq,
  AppendResp,
  DeleteReq,
  TombstoneReq,
} from '@eventstore/db-client/generated/streams_pb.js'
import streams from '@eventstore/db-client/generated/streams_pb.js'
import type { ServerReadableStream, sendUnaryData } from '@grpc/grpc-js'
import { appendBytesMax } from '../../../protocol/limits.ts'
import { eventStoreRequestBytesMax } from '../../../protocol/limits-embedded.ts'
import type { Expected } from './check-append.ts'
import { expectedNumber, expectedOf } from './expected.ts'
import { diskFull, invalid, streamDeleted, tooBig, tooLong, wrongVersion } from './faults.ts'
import { proposedOf } from './proposals.ts'
import type { Proposed } from './stored.ts'
import { reply, unary } from './unary.ts'
import { empty, placed, streamName } from './wire.ts'
import type { Writer, Written } from './writer.ts'

const successOf = (written: Written & { kind: 'written' }): AppendResp => {
  const success = new streams.AppendResp.Success()
  if (written.revision < 0) success.setNoStream(empty())
  else success.setCurrentRevision(String(written.revision))
  if (written.position === undefined) success.setNoPosition(empty())
  else success.setPosition(placed(new streams.AppendResp.Position(), written.position))
  return new streams.AppendResp().setSuccess(success)
}

// Field 3 as 2^64 − 1, which no JavaScript number holds: what no_stream is in the older generation of fields.
const noStream2060 = Buffer.from([0x18, ...Array.from({ length: 9 }, () => 0xff), 0x01])
const wrongExpectedVersionTag = 0x12

/** An answer of Append as bytes. Its refusals are far below the 128 bytes that one byte of length can say. */
export const appendRespBytes = (answer: AppendResp): Buffer => {
  const wrong = answer.getWrongExpectedVersion()
  if (!wrong?.hasExpectedNoStream()) return Buffer.from(answer.serializeBinary())
  const bytes = Buffer.concat([wrong.serializeBinary(), noStream2060])
  return Buffer.concat([Buffer.from([wrongExpectedVersionTag, bytes.length]), bytes])
}

// Both generations of fields are set.
const setExpected = (wrong: AppendResp.WrongExpectedVersion, expected: Expected): void => {
  if (expected === 'any') wrong.setExpectedAny(empty()).setAny2060(empty())
  else if (expected === 'stream_exists')
    wrong.setExpectedStreamExists(empty()).setStreamExists2060(empty())
  else if (expected === 'no_stream') wrong.setExpectedNoStream(empty())
  else wrong.setExpectedRevision(String(expected)).setExpectedRevision2060(expected)
}

const wrongOf = (last: number, expected: Expected): AppendResp => {
  const wrong = new streams.AppendResp.WrongExpectedVersion()
  if (last < 0) wrong.setCurrentNoStream(empty()).setNoStream2060(empty())
  else wrong.setCurrentRevision(String(last)).setCurrentRevision2060(last)
  setExpected(wrong, expected)
  return new streams.AppendResp().setWrongExpectedVersion(wrong)
}

type Answered = Written & { kind: 'written' | 'wrong-version' }

/** What is neither written nor a wrong version ends the call with a fault. */
const answered = (written: Written, stream: string): Answered => {
  switch (written.kind) {
    case 'written':
    case 'wrong-version':
      return written
    case 'deleted':
      throw streamDeleted(stream)
    case 'too-big':
      throw tooBig(appendBytesMax)
    case 'disk-full':
      throw diskFull()
  }
}

/** What one call of the unary form brought so far. */
class Incoming {
  options: AppendReq.Options | undefined
  readonly events: Proposed[] = []
  fault: unknown
  #dataBytes = 0
  #bytes = 0

  /** False once something is wrong: what follows is not kept. */
  take(request: AppendReq): boolean {
    const message = request.getProposedMessage()
    if (this.fault !== undefined) return false
    try {
      if (request.hasOptions()) this.options = request.getOptions()
      else if (message) this.#keep(proposedOf(message))
      return true
    } catch (error) {
      this.fault = error
      this.events.length = 0
      return false
    }
  }

  #keep(event: Proposed): void {
    this.#dataBytes += event.data.length
    this.#bytes += event.data.length + event.metadata.length
    if (this.#dataBytes > appendBytesMax) throw tooBig(appendBytesMax)
    if (this.#bytes > eventStoreRequestBytesMax) throw tooLong(eventStoreRequestBytesMax)
    this.events.push(event)
  }

  target(): { stream: string; expected: Expected } {
    if (this.fault !== undefined) throw this.fault
    const stream = streamName(this.options?.getStreamIdentifier())
    const expected = this.options && expectedOf(this.options)
    if (stream === '' || stream === '$$') throw invalid('The append names no stream.')
    if (expected === undefined) throw invalid('The append says not what it expects of the stream.')
    return { stream, expected }
  }
}

/** Streams.Append: options first, then events, one answer. */
export const append =
  (writer: Writer) =>
  (
    call: ServerReadableStream<AppendReq, AppendResp>,
    callback: sendUnaryData<AppendResp>,
  ): void => {
    const incoming = new Incoming()
    const finish = async (): Promise<AppendResp> => {
      const { stream, expected } = incoming.target()
      const result = answered(await writer.append(stream, incoming.events, expected), stream)
      return result.kind === 'written' ? successOf(result) : wrongOf(result.last, expected)
    }
    let replied = false
    const answer = () => {
      if (replied) return
      replied = true
      reply(finish(), callback)
    }
    call.on('data', (request: AppendReq) => {
      if (!incoming.take(request)) answer()
    })
    call.on('end', answer)
  }

const removal = async (
  options: DeleteReq.Options | TombstoneReq.Options | undefined,
  run: (stream: string, expected: Expected) => Promise<Written>,
): Promise<number> => {
  const stream = streamName(options?.getStreamIdentifier())
  const expected = options && expectedOf(options)
  if (stream === '') throw invalid('The request names no stream.')
  if (expected === undefined) throw invalid('The request says not what it expects of the stream.')
  const result = answered(await run(stream, expected), stream)
  if (result.kind === 'wrong-version')
    throw wrongVersion(stream, expectedNumber(expected), result.last)
  return result.position ?? 0
}

export const remove = (writer: Writer) =>
  unary(async (request: DeleteReq) => {
    const position = await removal(request.getOptions(), (s, e) => writer.remove(s, e))
    const place = placed(new streams.DeleteResp.Position(), position)
    return new streams.DeleteResp().setPosition(place)
  })

export const tombstone = (writer: Writer) =>
  unary(async (request: TombstoneReq) => {
    const position = await removal(request.getOptions(), (s, e) => writer.tombstone(s, e))
    const place = placed(new streams.TombstoneResp.Position(), position)
    return new streams.TombstoneResp().setPosition(place)
  })

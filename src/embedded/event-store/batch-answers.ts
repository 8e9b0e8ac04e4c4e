import type { Code } from '@eventstore/db-client/generated/code_pb.js'
import rpcCode from '@eventstore/db-client/generated/code_pb.js'
import shared from '@eventstore/db-client/generated/shared_pb.js'
import type { Status } from '@eventstore/db-client/generated/status_pb.js'
import rpcStatus from '@eventstore/db-client/generated/status_pb.js'
import type { BatchAppendResp } from '@eventstore/db-client/generated/streams_pb.js'
import streams from '@eventstore/db-client/generated/streams_pb.js'
import anyPb from 'google-protobuf/google/protobuf/any_pb.js'
import emptyPb from 'google-protobuf/google/protobuf/empty_pb.js'
import { appendBytesMax } from '../../../protocol/limits.ts'
import type { Expected } from './check-append.ts'
import { encodeBatchSuccess } from './codec/batch-append.ts'
import { streamIdentifier } from './wire.ts'
import type { Written } from './writer.ts'

const statusOf = (
  code: Code,
  message: string,
  name: string,
  detail: { serializeBinary(): Uint8Array },
) => {
  const any = new anyPb.Any()
  any.pack(detail.serializeBinary(), `event_store.client.${name}`)
  return new rpcStatus.Status().setCode(code).setMessage(message).setDetails(any)
}

export const badRequest = (message: string): Status =>
  statusOf(
    rpcCode.Code.INVALID_ARGUMENT,
    message,
    'BadRequest',
    new shared.BadRequest().setMessage(message),
  )

export const timedOut = (): Status =>
  statusOf(rpcCode.Code.DEADLINE_EXCEEDED, 'Timeout', 'Timeout', new shared.Timeout())

const wrongVersionStatus = (last: number, expected: Expected): Status => {
  const wrong = new shared.WrongExpectedVersion()
  if (last < 0) wrong.setCurrentNoStream(new emptyPb.Empty())
  else wrong.setCurrentStreamRevision(String(last))
  if (expected === 'any') wrong.setExpectedAny(new emptyPb.Empty())
  else if (expected === 'stream_exists') wrong.setExpectedStreamExists(new emptyPb.Empty())
  else if (expected === 'no_stream') wrong.setExpectedNoStream(new emptyPb.Empty())
  else wrong.setExpectedStreamPosition(String(expected))
  return statusOf(
    rpcCode.Code.ALREADY_EXISTS,
    'Wrong expected version.',
    'WrongExpectedVersion',
    wrong,
  )
}

/** An answer that is encoded already, or as the generated classes have it. */
export type Answer = Buffer | BatchAppendResp

/** A full disk ends the whole call: the clients know no such answer to one append. */
export type Answerable = Exclude<Written, { kind: 'disk-full' }>

export type Asked = {
  readonly stream: string
  readonly expected: Expected
  /** The UUID message as it came. */
  readonly correlation: Uint8Array
}

/** The stream stands in every answer, and the correlation id where there was one. */
export const refusal = (
  status: Status,
  stream: string,
  correlation: Uint8Array | undefined,
): BatchAppendResp =>
  new streams.BatchAppendResp()
    .setError(status)
    .setStreamIdentifier(streamIdentifier(stream))
    .setCorrelationId(correlation && shared.UUID.deserializeBinary(correlation))

const deletedStatus = (stream: string): Status => {
  const deleted = new shared.StreamDeleted().setStreamIdentifier(streamIdentifier(stream))
  return statusOf(rpcCode.Code.NOT_FOUND, 'Stream is deleted.', 'StreamDeleted', deleted)
}

const tooBigStatus = (): Status =>
  statusOf(
    rpcCode.Code.INVALID_ARGUMENT,
    'Maximum append size exceeded.',
    'MaximumAppendSizeExceeded',
    new shared.MaximumAppendSizeExceeded().setMaxappendsize(appendBytesMax),
  )

/** What became of an append of a batch, as its answer says it. */
export const answerOf = (written: Answerable, asked: Asked): Answer => {
  const { stream, expected, correlation } = asked
  switch (written.kind) {
    case 'written':
      return encodeBatchSuccess(written, stream, correlation)
    case 'wrong-version':
      return refusal(wrongVersionStatus(written.last, expected), stream, correlation)
    case 'deleted':
      return refusal(deletedStatus(stream), stream, correlation)
    case 'too-big':
      return refusal(tooBigStatus(), stream, correlation)
  }
}

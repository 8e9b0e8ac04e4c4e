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
import { allPosition, streamIdentifier } from './wire.ts'
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

const successOf = ({
  revision,
  position,
}: Written & { kind: 'written' }): BatchAppendResp.Success => {
  const success = new streams.BatchAppendResp.Success()
  if (revision < 0) success.setNoStream(new emptyPb.Empty())
  else success.setCurrentRevision(String(revision))
  if (position === undefined) success.setNoPosition(new emptyPb.Empty())
  else success.setPosition(allPosition(position))
  return success
}

/** What became of an append of a batch, as its answer says it. */
export const answerOf = (stream: string, expected: Expected, written: Written): BatchAppendResp => {
  const answer = new streams.BatchAppendResp()
  switch (written.kind) {
    case 'written':
      return answer.setSuccess(successOf(written))
    case 'wrong-version':
      return answer.setError(wrongVersionStatus(written.last, expected))
    case 'deleted': {
      const deleted = new shared.StreamDeleted().setStreamIdentifier(streamIdentifier(stream))
      return answer.setError(
        statusOf(rpcCode.Code.NOT_FOUND, 'Stream is deleted.', 'StreamDeleted', deleted),
      )
    }
    case 'too-big': {
      const detail = new shared.MaximumAppendSizeExceeded().setMaxappendsize(appendBytesMax)
      return answer.setError(
        statusOf(
          rpcCode.Code.INVALID_ARGUMENT,
          'Maximum append size exceeded.',
          'MaximumAppendSizeExceeded',
          detail,
        ),
      )
    }
    case 'disk-full':
      return answer.setError(
        statusOf(rpcCode.Code.UNAVAILABLE, 'Nothing was written.', 'Unknown', new shared.Unknown()),
      )
  }
}

/** The stream stands in every answer. */
export const withTarget = (answer: BatchAppendResp, stream: string): BatchAppendResp =>
  answer.setStreamIdentifier(streamIdentifier(stream))

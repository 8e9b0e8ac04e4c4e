import type {
  AppendReq,
  DeleteReq,
  TombstoneReq,
} from '@eventstore/db-client/generated/streams_pb.js'
import type { Expected } from './check-append.ts'
import { asNumber } from './wire.ts'

type Options = AppendReq.Options | DeleteReq.Options | TombstoneReq.Options

/** What the request expects of the stream; `undefined` when it does not say. */
export const expectedOf = (options: Options): Expected | undefined => {
  if (options.hasAny()) return 'any'
  if (options.hasNoStream()) return 'no_stream'
  if (options.hasStreamExists()) return 'stream_exists'
  return options.hasRevision() ? asNumber(options.getRevision()) : undefined
}

/** As numbers, which is how trailers say it. */
export const expectedNumber = (expected: Expected): number => {
  if (expected === 'any') return -2
  if (expected === 'no_stream') return -1
  return expected === 'stream_exists' ? -4 : expected
}

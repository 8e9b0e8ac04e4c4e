import type { ReadReq } from '@eventstore/db-client/generated/streams_pb.js'
import streams from '@eventstore/db-client/generated/streams_pb.js'
import { type EventFilter, filterOf } from './event-filter.ts'
import { invalid } from './faults.ts'
import { streamName, type UuidForm } from './wire.ts'

/** Where a read begins: an edge, or a revision or position. */
export type Place = 'start' | 'end' | bigint

export type ReadRequest = {
  /** `undefined`: all streams. */
  readonly stream: string | undefined
  readonly from: Place
  readonly backwards: boolean
  /** `undefined`: a subscription. */
  readonly count: bigint | undefined
  readonly resolveLinks: boolean
  readonly filter: EventFilter | undefined
  readonly uuids: UuidForm
  /** Whether the reader understands the last revision, sent behind the events. */
  readonly wantsLast: boolean
}

/** What older clients send for the end. */
const endRevision = 2n ** 64n - 1n

const streamPlace = (options: ReadReq.Options.StreamOptions): Place => {
  if (options.hasStart()) return 'start'
  if (options.hasEnd()) return 'end'
  if (options.hasRevision()) {
    const revision = BigInt(options.getRevision())
    return revision === endRevision ? 'end' : revision
  }
  throw invalid('The read of a stream says not where it begins.')
}

const allPlace = (options: ReadReq.Options.AllOptions): Place => {
  if (options.hasStart()) return 'start'
  if (options.hasEnd()) return 'end'
  const position = options.getPosition()
  if (!position) throw invalid('The read of all streams says not where it begins.')
  const [commit, prepare] = [position.getCommitPosition(), position.getPreparePosition()]
  if (BigInt(prepare) > BigInt(commit))
    throw invalid('The prepare position is past the commit position.')
  return BigInt(commit)
}

const filterIn = (options: ReadReq.Options): EventFilter | undefined => {
  const filter = options.getFilter()
  if (filter) return filterOf(filter)
  if (options.hasNoFilter()) return undefined
  throw invalid('The request says not whether it filters.')
}

const countIn = (options: ReadReq.Options): bigint | undefined => {
  if (options.hasSubscription()) return undefined
  if (!options.hasCount()) throw invalid('The request has neither a count nor a subscription.')
  return BigInt(options.getCount())
}

const placeIn = (options: ReadReq.Options): Pick<ReadRequest, 'stream' | 'from'> => {
  const stream = options.getStream()
  if (stream) return { stream: streamName(stream.getStreamIdentifier()), from: streamPlace(stream) }
  const all = options.getAll()
  if (all) return { stream: undefined, from: allPlace(all) }
  throw invalid('The request names neither a stream nor all streams.')
}

const check = (request: ReadRequest): ReadRequest => {
  const { stream, filter, count, backwards, from } = request
  if (stream === '') throw invalid('The stream has no name.')
  if (stream !== undefined && filter) throw invalid('A single stream cannot be filtered.')
  if (count === undefined && backwards) throw invalid('A subscription reads forwards.')
  if (count !== undefined && filter?.window === 0)
    throw invalid('The search window must be greater than 0.')
  if (count === 0n) throw invalid('The count must be greater than 0.')
  if (count === undefined && filter?.interval === 0)
    throw invalid('The checkpoint interval must be greater than 0.')
  if (count !== undefined && stream !== undefined && !backwards && from === 'end')
    throw invalid('Nothing can be read forwards from the end of a stream.')
  return request
}

/** What is asked for; what makes no sense is an INVALID_ARGUMENT that says why. */
export const readRequestOf = (message: ReadReq): ReadRequest => {
  const options = message.getOptions()
  if (!options) throw invalid('The request has no options.')
  const uuids = options.getUuidOption()
  if (!uuids) throw invalid('The request says not how it wants ids.')
  return check({
    ...placeIn(options),
    backwards: options.getReadDirection() === streams.ReadReq.Options.ReadDirection.BACKWARDS,
    count: countIn(options),
    resolveLinks: options.getResolveLinks(),
    filter: filterIn(options),
    uuids: uuids.hasStructured() ? 'structured' : 'string',
    wantsLast: (options.getControlOption()?.getCompatibility() ?? 0) >= 1,
  })
}

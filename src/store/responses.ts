import type { Readable } from 'node:stream'
import type { EventStoreDBClient } from '@eventstore/db-client'
import type { StreamsClient } from '@eventstore/db-client/generated/streams_grpc_pb.js'
import streamsService from '@eventstore/db-client/generated/streams_grpc_pb.js'
import type { ReadReq } from '@eventstore/db-client/generated/streams_pb.js'
import { type Followed, StoreUnavailable } from './event-store.ts'
import { followedIn } from './read-response.ts'

export const unavailable = (what: string, cause: unknown): StoreUnavailable =>
  new StoreUnavailable(`${what}: the event store is not available`, { cause })

// A stream hands out no `undefined`.
export type Received = { readonly followed: Followed | undefined }
/** What the event store answers to a read, as it comes. */
export type Responses = Readable & { readonly cancel: () => void }

/** What the client keeps for those who extend it: a call on its own connection, with its credentials. Its own reads are this one. */
type Calling = {
  readonly GRPCStreamCreator: (
    service: typeof StreamsClient,
    name: string,
    call: (client: StreamsClient) => Responses,
  ) => () => Promise<Responses>
  readonly callArguments: (
    base: object,
    options: { readonly deadline: number },
  ) => Required<Parameters<StreamsClient['batchAppend']>>
}

const { path, requestSerialize } = streamsService.StreamsService.read

const receive = (bytes: Buffer): Received => ({ followed: followedIn(bytes) })

export const respond = (
  client: EventStoreDBClient,
  name: string,
  request: ReadReq,
): Promise<Responses> => {
  const calling = client as unknown as Calling
  const call = (on: StreamsClient): Responses => {
    const [metadata, options] = calling.callArguments({}, { deadline: Number.POSITIVE_INFINITY })
    return on.makeServerStreamRequest(path, requestSerialize, receive, request, metadata, options)
  }
  return calling.GRPCStreamCreator(streamsService.StreamsClient, name, call)()
}

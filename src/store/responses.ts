import type { Readable } from 'node:stream'
import type { EventStoreDBClient } from '@eventstore/db-client'
import streamsService from '@eventstore/db-client/generated/streams_grpc_pb.js'
import type { ReadReq } from '@eventstore/db-client/generated/streams_pb.js'
import { begin, type MakeCall } from './calls.ts'
import { type Followed, StoreUnavailable } from './event-store.ts'
import { followedIn } from './read-response.ts'

export const unavailable = (what: string, cause: unknown): StoreUnavailable =>
  new StoreUnavailable(`${what}: the event store is not available`, { cause })

// A stream hands out no `undefined`.
export type Received = { readonly followed: Followed | undefined; readonly bytes: number }
/** What the event store answers to a read, as it comes. */
export type Responses = Readable & { readonly cancel: () => void }

const { path, requestSerialize } = streamsService.StreamsService.read

const receive = (bytes: Buffer): Received => ({
  followed: followedIn(bytes),
  bytes: bytes.length,
})

export const respond = (
  client: EventStoreDBClient,
  name: string,
  request: ReadReq,
): Promise<Responses> => {
  const call: MakeCall<Responses> = (on, ...about) =>
    on.makeServerStreamRequest(path, requestSerialize, receive, request, ...about)
  return begin(client, name, call)
}

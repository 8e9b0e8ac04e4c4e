import type { EventStoreDBClient } from '@eventstore/db-client'
import type { StreamsClient } from '@eventstore/db-client/generated/streams_grpc_pb.js'
import streamsService from '@eventstore/db-client/generated/streams_grpc_pb.js'

type About = Required<Parameters<StreamsClient['batchAppend']>>

export type MakeCall<Call> = (on: StreamsClient, ...about: About) => Call

/** What the client keeps for those who extend it: a call on its own connection, with its credentials. Its own calls are these. */
type Calling = {
  readonly GRPCStreamCreator: <Call>(
    service: typeof StreamsClient,
    name: string,
    make: (on: StreamsClient) => Call,
  ) => () => Promise<Call>
  readonly callArguments: (
    base: { readonly requiresLeader?: boolean },
    options: { readonly deadline: number },
  ) => About
}

/** Begins a call that has no deadline. The client finds another node where its end says so. */
export const begin = <Call>(
  client: EventStoreDBClient,
  name: string,
  make: MakeCall<Call>,
): Promise<Call> => {
  const calling = client as unknown as Calling
  const call = (on: StreamsClient): Call =>
    make(on, ...calling.callArguments({}, { deadline: Number.POSITIVE_INFINITY }))
  return calling.GRPCStreamCreator(streamsService.StreamsClient, name, call)()
}

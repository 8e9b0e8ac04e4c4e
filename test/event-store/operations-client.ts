import { createRequire } from 'node:module'
import operations from '@eventstore/db-client/generated/operations_pb.js'
import shared from '@eventstore/db-client/generated/shared_pb.js'
import { type Client, credentials, type requestCallback } from '@grpc/grpc-js'

const load = createRequire(import.meta.url)
const { OperationsClient } = load('@eventstore/db-client/generated/operations_grpc_pb')

type Answer = { readonly id: string; readonly result: number }

export type ScavengeClient = {
  start(): Promise<Answer>
  stop(id: string): Promise<Answer>
  mergeIndexes(): Promise<unknown>
  close(): void
}

type Call = (request: object, callback: requestCallback<unknown>) => void

/** EventStoreDB's Operations service, which the client offers no way to. */
export const operationsOf = (port: number): ScavengeClient => {
  const client: Client & Record<'startScavenge' | 'stopScavenge' | 'mergeIndexes', Call> =
    new OperationsClient(`127.0.0.1:${port}`, credentials.createInsecure())
  const ask = (name: 'startScavenge' | 'stopScavenge' | 'mergeIndexes', request: object) =>
    new Promise<unknown>((resolve, reject) => {
      client[name](request, (error, response) => (error ? reject(error) : resolve(response)))
    })
  const answer = (response: unknown): Answer => {
    const { scavengeId, scavengeResult } = (
      response as InstanceType<typeof operations.ScavengeResp>
    ).toObject()
    return { id: scavengeId, result: scavengeResult }
  }
  return {
    start: async () =>
      answer(
        await ask(
          'startScavenge',
          new operations.StartScavengeReq().setOptions(
            new operations.StartScavengeReq.Options().setThreadCount(1),
          ),
        ),
      ),
    stop: async (id) =>
      answer(
        await ask(
          'stopScavenge',
          new operations.StopScavengeReq().setOptions(
            new operations.StopScavengeReq.Options().setScavengeId(id),
          ),
        ),
      ),
    mergeIndexes: () => ask('mergeIndexes', new shared.Empty()),
    close: () => client.close(),
  }
}

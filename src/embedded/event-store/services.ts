import { createRequire } from 'node:module'
import {
  type Server,
  type ServiceDefinition,
  status,
  type UntypedServiceImplementation,
} from '@grpc/grpc-js'
import type { ShortLived } from '../../../protocol/short-lived.ts'
import { append, appendRespBytes, remove, tombstone } from './append-service.ts'
import { batchAppend } from './batch-service.ts'
import { decodeBatchAppend } from './codec/batch-append.ts'
import type { Engine } from './engine.ts'
import { scavenging } from './operations-service.ts'
import { read } from './read-service.ts'
import type { OpenCall } from './sender.ts'
import { getSupportedMethods, readGossip } from './server-info.ts'

// The client's package is CommonJS, and its generated services have no types of their own as ES modules.
const load = createRequire(import.meta.url)
const service = (file: string, name: string): ServiceDefinition =>
  load(`@eventstore/db-client/generated/${file}_grpc_pb`)[name]

type Encodable = Buffer | { serializeBinary(): Uint8Array }

const bytesOf = (message: Encodable): Buffer =>
  Buffer.isBuffer(message) ? message : Buffer.from(message.serializeBinary())

/** The hot messages have a codec of our own; the answer of Append holds a number that the generated one cannot write. */
const ownCodecs: Readonly<Record<string, object>> = {
  append: { responseSerialize: appendRespBytes },
  read: { responseSerialize: bytesOf },
  batchAppend: { requestDeserialize: decodeBatchAppend, responseSerialize: bytesOf },
}

const withOwnCodecs = (definition: ServiceDefinition): ServiceDefinition =>
  Object.fromEntries(
    Object.entries(definition).map(([name, method]) => [name, { ...method, ...ownCodecs[name] }]),
  )

const elsewhere =
  'The embedded event store offers streams and scavenging alone. Persistent subscriptions, projections, users and other ' +
  'operations are in EventStoreDB: point EVENTSTORE_URL at one; `lapel eventstore copy` brings the events there.'

type Refused = { readonly emit: (event: string, error: object) => void }

/** What is not here answers UNIMPLEMENTED and says where to get it. */
const refuse = (definition: ServiceDefinition): UntypedServiceImplementation => {
  const error = { code: status.UNIMPLEMENTED, details: elsewhere }
  // Only a call with a single answer brings a callback.
  const refuseCall = (call: Refused, callback?: (error: object) => void) =>
    callback ? callback(error) : call.emit('error', error)
  return Object.fromEntries(Object.keys(definition).map((name) => [name, refuseCall]))
}

const notHere = [
  ['persistent', 'PersistentSubscriptionsService'],
  ['projections', 'ProjectionsService'],
  ['users', 'UsersService'],
  ['monitoring', 'MonitoringService'],
] as const

type Node = {
  readonly engine: Engine
  /** The calls that are open, so that a stop can end them. */
  readonly open: ShortLived<OpenCall, true>
  readonly host: string
  readonly port: () => number
  readonly now: () => number
}

/** Gives the server all that it answers. */
export const addServices = (server: Server, { engine, open, host, port, now }: Node): void => {
  const { writer, reader, commits, scavenger, newId } = engine
  server.addService(withOwnCodecs(service('streams', 'StreamsService')), {
    read: read({ reader, commits, newId, open }),
    append: append(writer),
    delete: remove(writer),
    tombstone: tombstone(writer),
    batchAppend: batchAppend(writer, now, open),
  })
  const operations = service('operations', 'OperationsService')
  server.addService(operations, { ...refuse(operations), ...scavenging(scavenger, writer) })
  server.addService(service('serverfeatures', 'ServerFeaturesService'), { getSupportedMethods })
  server.addService(service('gossip', 'GossipService'), {
    read: readGossip({ instance: newId(), host, port, now }),
  })
  for (const [file, name] of notHere) {
    const definition = service(file, name)
    server.addService(definition, refuse(definition))
  }
}

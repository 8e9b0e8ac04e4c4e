import { randomUUID } from 'node:crypto'
import { createRequire } from 'node:module'
import {
  Server,
  ServerCredentials,
  type ServiceDefinition,
  status,
  type UntypedServiceImplementation,
} from '@grpc/grpc-js'
import { eventStoreMessageBytesMax } from '../../../protocol/limits.ts'
import { append, appendRespBytes, remove, tombstone } from './append-service.ts'
import { batchAppend } from './batch-service.ts'
import { decodeBatchAppend } from './codec/batch-append.ts'
import { type Databases, openDatabases } from './database.ts'
import { stopping } from './faults.ts'
import { LogReader } from './log-reader.ts'
import { read } from './read-service.ts'
import { endOf, Rows } from './rows.ts'
import { Gone, type OpenCall, type Sender } from './sender.ts'
import { getSupportedMethods, readGossip } from './server-info.ts'
import type { Commits } from './subscriptions.ts'
import { Tail } from './tail.ts'
import { Writer } from './writer.ts'

export type EventStoreOptions = {
  readonly dataDir: string
  readonly host: string
  /** 0: any free one. */
  readonly port: number
  readonly now: () => number
  /** An error of the disk after which nothing may be acknowledged: the process must end. */
  readonly onBroken: (error: unknown) => void
}

export type EventStoreServer = {
  readonly port: number
  readonly url: string
  readonly close: () => Promise<void>
}

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

const createCommits = (): Commits & {
  readonly happened: () => void
  readonly release: () => void
} => {
  let count = 0
  const waiting = new Set<Sender>()
  const wakeAll = () => {
    const all = [...waiting]
    waiting.clear()
    for (const sender of all) sender.wake()
  }
  return {
    count: () => count,
    after: async (seen, sender) => {
      while (count === seen && !sender.gone) {
        waiting.add(sender)
        await sender.idle()
      }
      waiting.delete(sender)
      if (sender.gone) throw new Gone()
    },
    happened: () => {
      count += 1
      wakeAll()
    },
    release: wakeAll,
  }
}

const elsewhere =
  'The embedded event store offers streams alone. Persistent subscriptions, projections, users and operations are ' +
  'in EventStoreDB: point EVENTSTORE_URL at one.'

/** Services that are not here answer UNIMPLEMENTED and say where to get them. */
const refuseService = (definition: ServiceDefinition): UntypedServiceImplementation =>
  Object.fromEntries(
    Object.entries(definition).map(([name, { responseStream }]) => [
      name,
      responseStream
        ? (call: { emit: (event: string, error: object) => void }) =>
            call.emit('error', { code: status.UNIMPLEMENTED, details: elsewhere })
        : (_call: unknown, callback: (error: object) => void) =>
            callback({ code: status.UNIMPLEMENTED, details: elsewhere }),
    ]),
  )

const notHere = [
  ['persistent', 'PersistentSubscriptionsService'],
  ['projections', 'ProjectionsService'],
  ['users', 'UsersService'],
  ['operations', 'OperationsService'],
] as const

const bind = (server: Server, host: string, port: number): Promise<number> =>
  new Promise((resolve, reject) => {
    server.bindAsync(`${host}:${port}`, ServerCredentials.createInsecure(), (error, bound) =>
      error ? reject(error) : resolve(bound),
    )
  })

const closing =
  (server: Server, open: ReadonlySet<OpenCall>, writer: Writer, databases: Databases) =>
  async () => {
    const ended = new Promise<void>((resolve) => server.tryShutdown(() => resolve()))
    for (const call of open) call.emit('error', stopping())
    await writer.close()
    const force = setTimeout(() => server.forceShutdown(), 500)
    await ended
    clearTimeout(force)
    databases.close()
  }

/** EventStoreDB's Streams service over SQLite, on one address. Throws `DataFolderRefused`, or the error of a taken port. */
export const startEventStore = async (options: EventStoreOptions): Promise<EventStoreServer> => {
  const { host, now } = options
  const databases = await openDatabases(options.dataDir)
  const commits = createCommits()
  const newId = randomUUID
  const end = endOf(databases.reader)
  const tail = new Tail(end)
  const writer = new Writer({
    writer: databases.writer,
    end,
    now,
    newId,
    onCommit: (rows) => {
      tail.push(rows)
      commits.happened()
    },
    onBroken: options.onBroken,
  })
  const reader = new LogReader(new Rows(databases.reader, tail), (name) => writer.head(name), now)
  const open = new Set<OpenCall>()
  const server = new Server({
    'grpc.max_receive_message_length': eventStoreMessageBytesMax,
    'grpc.max_send_message_length': -1,
  })
  let port = options.port
  server.addService(withOwnCodecs(service('streams', 'StreamsService')), {
    read: read({ reader, commits, newId, open }),
    append: append(writer),
    delete: remove(writer),
    tombstone: tombstone(writer),
    batchAppend: batchAppend(writer, now, open),
  })
  server.addService(service('serverfeatures', 'ServerFeaturesService'), { getSupportedMethods })
  server.addService(service('gossip', 'GossipService'), {
    read: readGossip({ instance: newId(), host, port: () => port, now }),
  })
  for (const [file, name] of notHere) {
    const definition = service(file, name)
    server.addService(definition, refuseService(definition))
  }
  try {
    port = await bind(server, host, options.port)
  } catch (error) {
    databases.close()
    throw error
  }
  return {
    port,
    url: `esdb://${host}:${port}?tls=false`,
    close: closing(server, open, writer, databases),
  }
}

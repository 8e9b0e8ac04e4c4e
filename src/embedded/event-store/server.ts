import { Server, ServerCredentials } from '@grpc/grpc-js'
import {
  eventStoreKeepAliveMs,
  eventStoreMessageBytesMax,
} from '../../../protocol/limits-embedded.ts'
import { ShortLived } from '../../../protocol/short-lived.ts'
import { type Engine, type EngineOptions, openEngine } from './engine.ts'
import { stopping } from './faults.ts'
import { widenWindows } from './flow-control.ts'
import type { OpenCall } from './sender.ts'
import { addServices } from './services.ts'

export type EventStoreOptions = EngineOptions & {
  readonly host: string
  /** 0: any free one. */
  readonly port: number
  /** After so long without a word a client is asked whether it is there, and after as long without an answer it is let go. */
  readonly keepAliveMs?: number
}

export type EventStoreServer = {
  readonly port: number
  readonly url: string
  readonly close: () => Promise<void>
}

const forcedAfterMs = 500

const bind = (server: Server, host: string, port: number): Promise<number> =>
  new Promise((resolve, reject) => {
    server.bindAsync(`${host}:${port}`, ServerCredentials.createInsecure(), (error, bound) =>
      error ? reject(error) : resolve(bound),
    )
  })

const closing = (server: Server, open: ShortLived<OpenCall, true>, engine: Engine) => async () => {
  const ended = new Promise<void>((resolve) => server.tryShutdown(() => resolve()))
  for (const call of open.keys()) call.emit('error', stopping())
  engine.scavenger.stop()
  await engine.writer.close()
  const force = setTimeout(() => server.forceShutdown(), forcedAfterMs)
  await ended
  clearTimeout(force)
  engine.close()
}

/** EventStoreDB's Streams service over SQLite, on one address. Throws `DataFolderRefused`, or the error of a taken port. */
export const startEventStore = async (options: EventStoreOptions): Promise<EventStoreServer> => {
  const { host, now, keepAliveMs = eventStoreKeepAliveMs } = options
  const engine = await openEngine(options)
  const open = new ShortLived<OpenCall, true>()
  widenWindows()
  const server = new Server({
    'grpc.max_receive_message_length': eventStoreMessageBytesMax,
    'grpc.max_send_message_length': -1,
    'grpc.keepalive_time_ms': keepAliveMs,
    'grpc.keepalive_timeout_ms': keepAliveMs,
  })
  let port = options.port
  addServices(server, { engine, open, host, port: () => port, now })
  try {
    port = await bind(server, host, options.port)
  } catch (error) {
    engine.scavenger.stop()
    engine.close()
    throw error
  }
  return { port, url: `esdb://${host}:${port}?tls=false`, close: closing(server, open, engine) }
}

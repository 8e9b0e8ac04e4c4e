import { createServer, type Server, type Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import { mqttBacklogMax, mqttConnectMsMax, mqttReadAheadBytesMax } from '../../protocol/limits.ts'
import type { Log } from '../store/log.ts'
import type { Meter } from '../store/meter.ts'
import type { ConnectPacket } from './connect-packet.ts'
import { Door, type Pass } from './door.ts'
import { LastWords } from './last-words.ts'
import { connackCodes, waitInLobby } from './lobby.ts'
import { connackBytes } from './packets.ts'
import { Patience } from './patience.ts'
import { parseProxyHeader } from './proxy-header.ts'
import type { Transport } from './transports.ts'

export type Address = { readonly host: string; readonly port: number }
export type Listener = Address & { readonly transport: Transport }

/** A connection whose CONNECT is complete and may be tried. */
export type Caller = {
  readonly conn: Duplex
  readonly remote: string
  readonly packet: ConnectPacket
  /** What came behind it so far. The connection is paused. */
  readonly rest: Buffer
  /** Tells it that CONNACK code and ends it. */
  readonly refuse: (code: number) => void
}

export type ListenersDeps = {
  readonly log: Log
  readonly meter: Meter
  /** Whether each connection begins with the header of a balancer. */
  readonly isProxied: boolean
  /** Whether there is room for one more caller now. */
  readonly mayCall: () => boolean
  readonly onCaller: (caller: Caller) => void
}

export type Listeners = {
  /** In the order in which they were asked for. */
  readonly ports: readonly number[]
  readonly connected: () => number
  /** Takes no more connections; resolves once all are over. */
  readonly close: () => Promise<void>
  readonly destroyAll: () => void
}

const listening = (server: Server, { host, port }: Address): Promise<number> =>
  new Promise((resolve, reject) => {
    server.once('error', reject)
    // Past Node's 511 a storm of devices is dropped, and each tries again after 1, 3, 7 s and longer.
    server.listen({ host, port, backlog: mqttBacklogMax }, () => {
      server.off('error', reject)
      const address = server.address()
      resolve(typeof address === 'object' && address ? address.port : port)
    })
  })

/** The sender's address as the balancer tells it; what follows its header is given back to be read. */
const readProxyHeader = (socket: Socket, ready: (remote: string) => void): void => {
  let bytes: Buffer = Buffer.alloc(0)
  const take = (chunk: Buffer): void => {
    bytes = Buffer.concat([bytes, chunk])
    const header = parseProxyHeader(bytes)
    if (header.kind === 'incomplete') return
    socket.off('data', take)
    if (header.kind === 'malformed') socket.destroy()
    if (header.kind !== 'header') return
    socket.pause()
    const rest = bytes.subarray(header.bytes)
    if (rest.length > 0) socket.unshift(rest)
    ready(header.remote ?? socket.remoteAddress ?? '')
  }
  socket.on('data', take)
}

/** Every way in to the broker: who comes passes the door and the lobby before anything else knows of it. */
export const openListeners = async (
  wanted: readonly Listener[],
  { log, meter, isProxied, mayCall, onCaller }: ListenersDeps,
): Promise<Listeners> => {
  const door = new Door()
  const sockets = new Set<Socket>()
  const late = new Patience<Socket>(mqttConnectMsMax, (socket) => socket.destroy())
  const lastWords = new LastWords()

  const turnAway = (socket: Socket): void => {
    meter.count('mqtt_turned_away_total')
    socket.destroy()
  }

  const refuse = (conn: Duplex, code: number | undefined): void => {
    meter.count('mqtt_refused_connects_total')
    if (code === undefined) conn.destroy()
    else lastWords.say(conn, connackBytes(code))
  }

  const receive = (conn: Duplex, hear: () => string): void =>
    waitInLobby(conn, {
      onConnect: (packet, rest) => {
        if (!mayCall()) {
          refuse(conn, connackCodes.unavailable)
          return
        }
        const remote = hear()
        conn.emit('connect-packet')
        onCaller({ conn, remote, packet, rest, refuse: (code) => refuse(conn, code) })
      },
      onRefused: (code) => refuse(conn, code),
    })

  const accept = (socket: Socket, pass: Pass, transport: Transport): void => {
    late.wait(socket)
    const come = (remoteOf: () => string): void => {
      const hear = (): string => {
        late.release(socket)
        door.spoke(pass)
        return remoteOf()
      }
      if (door.from(pass, remoteOf)) transport(socket, (conn) => receive(conn, hear))
      else turnAway(socket)
    }
    if (isProxied) readProxyHeader(socket, (remote) => come(() => remote))
    else come(() => socket.remoteAddress ?? '')
  }

  const open = async (listener: Listener): Promise<Server & { readonly at: number }> => {
    const server = createServer(
      { noDelay: true, highWaterMark: mqttReadAheadBytesMax },
      (socket) => {
        // Whoever breaks off has nothing to be told.
        socket.on('error', () => socket.destroy())
        const pass = door.enter()
        if (!pass) {
          turnAway(socket)
          return
        }
        sockets.add(socket)
        socket.on('close', () => {
          sockets.delete(socket)
          late.release(socket)
          door.leave(pass)
        })
        accept(socket, pass, listener.transport)
      },
    )
    const at = await listening(server, listener)
    server.on('error', (error) => log.error({ error }, 'a connection could not be accepted'))
    return Object.assign(server, { at })
  }

  const servers: Awaited<ReturnType<typeof open>>[] = []
  const close = async (): Promise<void> => {
    await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))))
  }
  try {
    for (const listener of wanted) servers.push(await open(listener))
  } catch (error) {
    await close()
    throw error
  }
  return {
    ports: servers.map(({ at }) => at),
    connected: () => door.open,
    close,
    destroyAll: () => {
      for (const socket of sockets) socket.destroy()
    },
  }
}

import { createServer as createHttpServer, type IncomingMessage } from 'node:http'
import type { Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import { createSecureContext, TLSSocket } from 'node:tls'
import { createWebSocketStream, type WebSocket, WebSocketServer } from 'ws'
import {
  mqttConnectMsMax,
  mqttFirstBytesMax,
  mqttPacketBytesMax,
  mqttPacketLengthBytesMax,
  mqttReadAheadBytesMax,
} from '../../protocol/limits.ts'

/** Makes of a connected socket what MQTT is spoken on. Calls `ready` once that stands; whatever fails destroys the socket. */
export type Transport = (socket: Socket, ready: (conn: Duplex) => void) => void

/** PEM texts. */
export type Certificate = { readonly cert: string; readonly key: string }

export const overTcp: Transport = (socket, ready) => ready(socket)

export type Tls = {
  readonly transport: Transport
  /** For what connects from now on; what is connected goes on. Throws where the two do not fit. */
  readonly reload: (certificate: Certificate) => void
}

// RFC 8996: TLS 1.0 and 1.1 must not be used.
const contextOf = (certificate: Certificate) =>
  createSecureContext({ ...certificate, minVersion: 'TLSv1.2' })

// Known to Node's sockets, and not to their types.
const readAhead = { highWaterMark: mqttReadAheadBytesMax }

export const overTls = (certificate: Certificate): Tls => {
  let secureContext = contextOf(certificate)
  return {
    reload: (next) => {
      secureContext = contextOf(next)
    },
    transport: (socket, ready) => {
      const conn = new TLSSocket(socket, { isServer: true, secureContext, ...readAhead })
      conn.on('error', () => conn.destroy())
      conn.once('close', () => socket.destroy())
      conn.once('secure', () => ready(conn))
    },
  }
}

/** A WebSocket as a stream of bytes; a text frame ends it [MQTT-6.0.0-1]. */
const streamOf = (webSocket: WebSocket, socket: Socket): Duplex => {
  webSocket.on('message', (_data, isBinary) => {
    if (!isBinary) webSocket.terminate()
  })
  const conn = createWebSocketStream(webSocket, { readableHighWaterMark: mqttReadAheadBytesMax })
  conn.on('error', () => conn.destroy())
  conn.once('close', () => socket.destroy())
  return conn
}

/** Event of a WebSocket's stream: how many bytes of a frame or message that is not whole are kept. */
export const frameHeld = 'frame-held'

/** Of a control frame from a client, without what it says (RFC 6455, section 5.2): two bytes and the mask. */
const controlHeadBytes = 6

const tellHeld = (webSocket: WebSocket, socket: Socket, conn: Duplex): void => {
  let held = 0
  const tell = (bytes: number): void => {
    held = Math.max(0, bytes)
    if (!conn.destroyed) conn.emit(frameHeld, held)
  }
  // Before the WebSocket meets the chunk, so that a message that ends in it is off again behind it.
  socket.prependListener('data', (chunk: Buffer) => tell(held + chunk.length))
  webSocket.on('message', () => tell(0))
  for (const event of ['ping', 'pong'])
    webSocket.on(event, (said: Buffer) => tell(held - controlHeadBytes - said.length))
}

/** Until there is a CONNECT no more is taken than the first packets need: a frame is kept until it is whole. */
const boundFirstBytes = (socket: Socket): (() => void) => {
  const from = socket.bytesRead
  const watch = (): void => {
    if (socket.bytesRead - from > mqttFirstBytesMax) socket.destroy()
  }
  socket.on('data', watch)
  return () => socket.off('data', watch)
}

const isForMqtt = ({ headers }: IncomingMessage): boolean =>
  (headers['sec-websocket-protocol'] ?? '').split(',').some((name) => name.trim() === 'mqtt')

/** MQTT over WebSocket (MQTT 3.1.1, section 6): binary frames, subprotocol `mqtt`. */
export const overWebSocket = (): Transport => {
  const arriving = new WeakMap<Socket, (conn: Duplex) => void>()
  const webSockets = new WebSocketServer({
    noServer: true,
    clientTracking: false,
    perMessageDeflate: false,
    handleProtocols: () => 'mqtt',
    maxPayload: mqttPacketBytesMax + mqttPacketLengthBytesMax + 1,
  })
  const server = createHttpServer(
    { headersTimeout: mqttConnectMsMax, requestTimeout: mqttConnectMsMax },
    (_request, response) => {
      response.writeHead(426, { Upgrade: 'websocket', Connection: 'close' }).end()
    },
  )
  server.on('upgrade', (request: IncomingMessage, stream: Duplex, head: Buffer) => {
    const socket = stream as Socket
    const ready = arriving.get(socket)
    if (!ready || !isForMqtt(request)) {
      socket.end('HTTP/1.1 400 Bad Request\r\nConnection: close\r\nContent-Length: 0\r\n\r\n')
      return
    }
    webSockets.handleUpgrade(request, socket, head, (webSocket) => {
      const conn = streamOf(webSocket, socket)
      tellHeld(webSocket, socket, conn)
      const unbind = boundFirstBytes(socket)
      // Whoever reads a first packet to its end takes the listener off.
      conn.once('connect-packet', unbind)
      ready(conn)
    })
  })
  return (socket, ready) => {
    arriving.set(socket, ready)
    server.emit('connection', socket)
    socket.resume()
  }
}

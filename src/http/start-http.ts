import { createServer, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo, Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import { newId } from '../../protocol/ids.ts'
import {
  httpConnectionsMax,
  httpDrainMsMax,
  httpHeaderBytesMax,
  httpHeadersMsMax,
  httpKeepAliveMsMax,
  httpRequestMsMax,
} from '../../protocol/limits.ts'
import { ShortLived } from '../../protocol/short-lived.ts'
import { routes } from './app.ts'
import { hardening } from './boundary.ts'
import { createHttpApp } from './create-app.ts'
import type { HttpDeps } from './ports.ts'
import { errorBody, Problem } from './problems.ts'

export type HttpServer = {
  readonly port: number
  /** Requests that were taken and are not answered yet. */
  readonly inFlight: () => number
  /** Takes no more connections, answers what is in flight, closes the rest; after `httpDrainMsMax` everything. */
  readonly close: () => Promise<void>
}

const checkEveryMs = 1_000
const drainPollMs = 50

/** What is no HTTP gets the contract's error too, where its socket can still be written to. */
const refuseUnparsable =
  ({ random }: Pick<HttpDeps, 'random'>) =>
  (_error: Error, socket: Duplex): void => {
    if (!socket.writable) {
      socket.destroy()
      return
    }
    const requestId = newId('req_', random)
    const { type, text } = errorBody(new Problem('invalid_request'), requestId, undefined)
    const head = [
      'HTTP/1.1 400 Bad Request',
      `X-Request-Id: ${requestId}`,
      `Content-Type: ${type}`,
      `Content-Length: ${Buffer.byteLength(text)}`,
      ...hardening.map(([name, value]) => `${name}: ${value}`),
      'Connection: close',
    ]
    socket.end(`${head.join('\r\n')}\r\n\r\n${text}`)
  }

const listening = (server: Server, host: string, port: number): Promise<number> =>
  new Promise((resolve, reject) => {
    server.once('error', reject)
    server.listen({ host, port }, () => {
      server.off('error', reject)
      resolve((server.address() as AddressInfo).port)
    })
  })

/** What is open, and what of it waits for an answer. */
type Open = { readonly sockets: Set<Socket>; readonly inFlight: ShortLived<ServerResponse, true> }

// Node counts a connection that never sent a byte as busy until its headers are due.
const closeIdle = ({ sockets, inFlight }: Open): void => {
  const busy = new Set(inFlight.keys().map(({ socket }) => socket))
  for (const socket of sockets) if (!busy.has(socket)) socket.destroySoon()
}

const drain = (server: Server, open: Open): Promise<void> =>
  new Promise((resolve) => {
    for (const response of open.inFlight.keys())
      if (!response.headersSent) response.setHeader('Connection', 'close')
    // A connection turns idle after its last answer, and close() alone would wait for its keep-alive to end.
    const idle = setInterval(() => closeIdle(open), drainPollMs)
    const deadline = setTimeout(() => server.closeAllConnections(), httpDrainMsMax)
    server.close(() => {
      clearInterval(idle)
      clearTimeout(deadline)
      resolve()
    })
    closeIdle(open)
  })

type Address = { readonly host: string; readonly port: number }

/** How long a request may take to arrive. */
export type Patience = { readonly headersMs: number; readonly requestMs: number }
const usualPatience: Patience = { headersMs: httpHeadersMsMax, requestMs: httpRequestMsMax }

/** Serves the management API. Throws what `listen` does: `EADDRINUSE` for a taken port. */
export const startHttp = async (
  deps: HttpDeps & Address,
  patience: Patience = usualPatience,
): Promise<HttpServer> => {
  const listener = createHttpApp(routes, deps)
  const open: Open = { sockets: new Set(), inFlight: new ShortLived() }
  const { sockets, inFlight } = open
  const server = createServer({
    maxHeaderSize: httpHeaderBytesMax,
    headersTimeout: patience.headersMs,
    requestTimeout: patience.requestMs,
    keepAliveTimeout: httpKeepAliveMsMax,
    connectionsCheckingInterval: checkEveryMs,
    noDelay: true,
  })
  server.maxConnections = httpConnectionsMax
  const serve: typeof listener = (request, response) => {
    inFlight.set(response, true)
    response.once('close', () => inFlight.delete(response))
    return listener(request, response)
  }
  server.on('connection', (socket) => {
    sockets.add(socket)
    socket.once('close', () => sockets.delete(socket))
  })
  // Whoever sent `Expect: 100-continue` waits until the body is wanted.
  server.on('request', serve).on('checkContinue', serve)
  server.on('clientError', refuseUnparsable(deps))
  const port = await listening(server, deps.host, deps.port)
  let closed: Promise<void> | undefined
  return {
    port,
    inFlight: () => inFlight.size,
    close: () => {
      closed ??= drain(server, open)
      return closed
    },
  }
}

import { randomBytes } from 'node:crypto'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { httpHeaderBytesMax, httpHeadersMsMax } from '../../../protocol/limits.ts'
import {
  objectStoreConnectionsMax,
  objectStoreDrainMsMax,
  objectStoreIdleMsMax,
} from '../../../protocol/limits-embedded.ts'
import { createSigningKeys } from '../../../protocol/sigv4.ts'
import { type Addressed, addressedBy } from './addressed.ts'
import { authenticate, type Credentials, type Verifier } from './authenticate.ts'
import type { Answer, Call, Store } from './call.ts'
import { faultOf } from './faults.ts'
import { demandedHeaders, incomingOf } from './incoming.ts'
import { type EventTarget, openNotifications } from './notifications.ts'
import { openStore } from './open-store.ts'
import { faultAnswer, preflight, respond } from './respond.ts'
import { handlerOf } from './routes.ts'

export type ObjectStoreOptions = {
  readonly dataDir: string
  readonly host: string
  /** 0: any free one. */
  readonly port: number
  readonly credentials: Credentials
  readonly region: string
  /** Milliseconds since 1970, and from any start. */
  readonly now: () => number
  readonly monotonic: () => number
  /** Where event documents go; asked before the first delivery, and after one that failed. */
  readonly events: () => Promise<EventTarget | undefined>
  /** Told of errors that are the store's own. */
  readonly onError: (error: unknown) => void
}

export type ObjectStoreServer = {
  readonly port: number
  readonly url: string
  readonly close: () => Promise<void>
}

type Context = ObjectStoreOptions & Pick<Verifier, 'signingKeyOf'> & { readonly store: Store }

const answerOf = async (
  addressed: Addressed,
  context: Context,
  request: IncomingMessage,
  proceed: () => void,
): Promise<Answer> => {
  const { monotonic, store } = context
  const authenticated = authenticate(addressed, context)
  const headers = demandedHeaders(addressed, authenticated)
  const { bucket, key, query, method } = addressed
  const handler = handlerOf({ method, bucket, key, query, headers })
  const call: Call = {
    bucket,
    key,
    query,
    headers,
    body: () => incomingOf(addressed, authenticated, { request, monotonic, proceed }),
    takeTime: () => request.socket.setTimeout(0),
  }
  return await handler(call, store)
}

/** An error while a body came in over a connection that is gone is nobody's. */
const isCutOff = (request: IncomingMessage) => request.destroyed && !request.complete

/** The start's own number, and the request's. */
const createRequestIds = (): (() => string) => {
  const start = randomBytes(4).toString('hex')
  let count = 0
  return () => {
    count += 1
    return `${start}${count.toString(16).padStart(8, '0')}`
  }
}

const answering =
  (context: Context, newRequestId: () => string) =>
  async (request: IncomingMessage, response: ServerResponse, awaitsContinue: boolean) => {
    const requestId = newRequestId()
    response.setHeader('x-amz-request-id', requestId)
    let isToProceed = awaitsContinue
    const proceed = () => {
      if (isToProceed) response.writeContinue()
      isToProceed = false
    }
    const answer = await (async () => {
      try {
        if (request.method === 'OPTIONS') return preflight(request)
        return await answerOf(addressedBy(request), context, request, proceed)
      } catch (error) {
        const fault = faultOf(error)
        if (fault.code === 'InternalError' && !isCutOff(request)) context.onError(error)
        return faultAnswer(fault, request.url?.split('?', 1)[0] ?? '', requestId)
      }
    })()
    // The body that was announced will not come: nothing else can be read from this connection.
    if (isToProceed) response.setHeader('connection', 'close')
    request.socket.setTimeout(objectStoreIdleMsMax)
    await respond(request, response, answer)
  }

const listen = (server: Server, host: string, port: number): Promise<number> =>
  new Promise((resolve, reject) => {
    server.once('error', reject)
    server.listen({ host, port }, () => {
      server.off('error', reject)
      resolve((server.address() as AddressInfo).port)
    })
  })

const closing = async (server: Server): Promise<void> => {
  const closed = new Promise<void>((resolve) => server.close(() => resolve()))
  const idle = setInterval(() => server.closeIdleConnections(), 50)
  const forced = setTimeout(() => server.closeAllConnections(), objectStoreDrainMsMax)
  await closed
  clearInterval(idle)
  clearTimeout(forced)
}

/** S3 over files, on one address. Throws `DataFolderRefused`, or the error of a taken port. */
export const startObjectStore = async (options: ObjectStoreOptions): Promise<ObjectStoreServer> => {
  const { region, onError } = options
  const { objects, uploads, close } = await openStore(options.dataDir, options.now)
  const notifications = openNotifications(region, options.events)
  const store: Store = { objects, uploads, region, onCreated: notifications.created }
  const signingKeyOf = createSigningKeys(options.credentials.secretAccessKey)
  const answer = answering({ ...options, store, signingKeyOf }, createRequestIds())
  const server = createServer({
    maxHeaderSize: httpHeaderBytesMax,
    headersTimeout: httpHeadersMsMax,
    // A body may take as long as it keeps coming: its rate is what is watched.
    requestTimeout: 0,
    keepAliveTimeout: objectStoreIdleMsMax,
  })
  const take =
    (awaitsContinue: boolean) => (request: IncomingMessage, response: ServerResponse) => {
      answer(request, response, awaitsContinue).catch((error: unknown) => {
        const isGone = response.destroyed
        response.destroy()
        if (!isGone) onError(error)
      })
    }
  server.on('request', take(false))
  server.on('checkContinue', take(true))
  server.maxConnections = objectStoreConnectionsMax
  server.timeout = objectStoreIdleMsMax
  try {
    const port = await listen(server, options.host, options.port)
    const url = `http://${options.host}:${port}`
    return {
      port,
      url,
      close: async () => {
        await closing(server)
        await notifications.close()
        close()
      },
    }
  } catch (error) {
    close()
    throw error
  }
}

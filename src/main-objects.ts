import { randomBytes } from 'node:crypto'
import { setTimeout as delay } from 'node:timers/promises'
import { objectStoreRetryMs } from '../protocol/limits.ts'
import type { Config } from './config.ts'
import { addressText } from './config-parsers.ts'
import { writeEventTarget } from './embedded/object-store/event-target.ts'
import type { ObjectStoreService } from './main-services.ts'
import type { Log } from './store/log.ts'
import type { ObjectStore } from './store/object-store.ts'
import { openS3, type S3Settings } from './store/s3.ts'

export type NodeObjects = {
  readonly objects: ObjectStore
  /** Bearer of those who tell of new objects. */
  readonly eventsToken: string
  /** Says where the embedded store sends its events from now on, given the port on which HTTP listens. */
  readonly sendEventsTo: (http: Config['http']) => Promise<void>
}

/** A node starts without its object store: it only takes no bytes until the bucket is there. Says when that was first tried. */
const keepBucket = (objects: ObjectStore, log: Log, signal: AbortSignal) => {
  const make = async (): Promise<boolean> => {
    try {
      await objects.ensureBucket()
      return true
    } catch (error) {
      log.warn({ error }, 'the object store (S3_ENDPOINT, S3_BUCKET) cannot be used yet')
      return false
    }
  }
  const tried = make()
  const keep = async (): Promise<void> => {
    for (let isMade = await tried; !isMade && !signal.aborted; isMade = await make())
      await delay(objectStoreRetryMs, undefined, { signal }).catch(() => {})
  }
  return { tried, kept: keep() }
}

const loopback: Readonly<Record<string, string>> = { '0.0.0.0': '127.0.0.1', '::': '::1' }

export type ObjectsOptions = {
  readonly config: Config
  readonly log: Log
  /** The way to the object store; another one than the real is a test's. */
  readonly connectObjects?: ((settings: S3Settings) => ObjectStore) | undefined
}

/** The node's object store. Nothing waits for it here. */
export const openObjects = (
  service: ObjectStoreService,
  { config, log, connectObjects = openS3 }: ObjectsOptions,
  closing: AsyncDisposableStack,
): NodeObjects => {
  const objects = connectObjects({ ...service, now: Date.now })
  closing.defer(objects.close)
  const stopping = new AbortController()
  const { tried, kept } = keepBucket(objects, log, stopping.signal)
  closing.defer(async () => {
    stopping.abort()
    await kept
  })
  const eventsToken = config.s3.eventsToken ?? randomBytes(32).toString('base64url')
  // On a first start the bucket is not there before it was made.
  const check = async (): Promise<void> => {
    await tried
    await objects.check()
  }
  return {
    objects: { ...objects, check },
    eventsToken,
    sendEventsTo: async ({ host, port }) => {
      if (service.folder === undefined) return
      const url = `http://${addressText({ host: loopback[host] ?? host, port })}/internal/s3-events`
      await writeEventTarget(service.folder, { url, token: eventsToken })
    },
  }
}

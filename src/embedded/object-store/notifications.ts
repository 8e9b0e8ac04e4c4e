import { setTimeout as delay } from 'node:timers/promises'
import {
  objectStoreEventAttemptsMax,
  objectStoreEventMsMax,
  objectStoreEventPauseMs,
  objectStoreEventsPerCallMax,
  objectStoreEventsWaitingMax,
} from '../../../protocol/limits-embedded.ts'
import { encodePart } from '../../../protocol/sigv4.ts'
import { type Created, isoOf } from './call.ts'

/** Where event documents go, and the bearer that goes with them. */
export type EventTarget = { readonly url: string; readonly token: string }

export type Notifications = {
  readonly created: (created: Created) => void
  readonly close: () => Promise<void>
}

/** One record of S3's event notification, in its version 2.1. */
const recordOf = ({ bucket, key, described, how }: Created, region: string, sequence: number) => ({
  eventVersion: '2.1',
  eventSource: 'aws:s3',
  awsRegion: region,
  eventTime: isoOf(described.modified),
  eventName: `ObjectCreated:${how}`,
  s3: {
    s3SchemaVersion: '1.0',
    configurationId: 'lapel',
    bucket: { name: bucket, arn: `arn:aws:s3:::${bucket}` },
    object: {
      // As S3 writes keys in events: form-encoded.
      key: encodePart(key).replaceAll('%20', '+').replaceAll('%2F', '/'),
      size: described.bytes,
      eTag: described.etag,
      sequencer: sequence.toString(16).padStart(16, '0'),
    },
  },
})

type EventRecord = ReturnType<typeof recordOf>

const post = async ({ url, token }: EventTarget, Records: readonly EventRecord[]) => {
  const { ok, body } = await fetch(url, {
    method: 'POST',
    headers: { 'content-type': 'application/json', authorization: `Bearer ${token}` },
    body: JSON.stringify({ Records }),
    signal: AbortSignal.timeout(objectStoreEventMsMax),
  })
  await body?.cancel()
  return ok
}

/**
 * Tells of new objects as S3 does: a hint, at best. What cannot be delivered within a few attempts, or waits behind too many, is dropped:
 * whoever listens must look for itself from time to time. `target` is asked before each delivery.
 */
export const openNotifications = (
  region: string,
  target: () => Promise<EventTarget | undefined>,
): Notifications => {
  const waiting: EventRecord[] = []
  const closing = new AbortController()
  let sequence = Date.now() * 1_000
  let running: Promise<void> | undefined

  const attempt = async (records: readonly EventRecord[]): Promise<boolean> => {
    const to = await target().catch(() => undefined)
    return to === undefined || (await post(to, records).catch(() => false))
  }
  const deliver = async (records: readonly EventRecord[]): Promise<void> => {
    for (let tries = 1; tries <= objectStoreEventAttemptsMax; tries += 1) {
      if (closing.signal.aborted || (await attempt(records))) return
      const pause = objectStoreEventPauseMs * 2 ** (tries - 1)
      await delay(pause, undefined, { signal: closing.signal }).catch(() => {})
    }
  }
  const run = async (): Promise<void> => {
    while (waiting.length > 0 && !closing.signal.aborted)
      await deliver(waiting.splice(0, objectStoreEventsPerCallMax))
    running = undefined
  }
  return {
    created: (created) => {
      sequence += 1
      if (waiting.length >= objectStoreEventsWaitingMax) waiting.shift()
      waiting.push(recordOf(created, region, sequence))
      running ??= run()
    },
    close: async () => {
      closing.abort()
      await running
    },
  }
}

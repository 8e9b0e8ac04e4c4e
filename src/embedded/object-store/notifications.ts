import { Agent, request } from 'node:http'
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

/** Whether it was taken. `fetch` would cost several times as much, and there may be one for each object. */
const post = (
  agent: Agent,
  { url, token }: EventTarget,
  Records: readonly EventRecord[],
): Promise<boolean> =>
  new Promise((resolve, reject) => {
    const body = Buffer.from(JSON.stringify({ Records }))
    const headers = {
      'content-type': 'application/json',
      'content-length': body.length,
      authorization: `Bearer ${token}`,
    }
    const signal = AbortSignal.timeout(objectStoreEventMsMax)
    const outgoing = request(url, { method: 'POST', agent, headers, signal })
    outgoing.on('error', reject)
    outgoing.on('response', (answer) => {
      const { statusCode = 0 } = answer
      answer.on('error', reject)
      answer.on('end', () => resolve(statusCode >= 200 && statusCode < 300))
      answer.resume()
    })
    outgoing.end(body)
  })

/**
 * Tells of new objects as S3 does: a hint, at best. What cannot be delivered within a few attempts, or waits behind too many, is dropped:
 * whoever listens must look for itself from time to time. `target` is asked before the first delivery, and before the next of one that failed.
 */
export const openNotifications = (
  region: string,
  target: () => Promise<EventTarget | undefined>,
): Notifications => {
  const waiting: EventRecord[] = []
  const closing = new AbortController()
  let sequence = Date.now() * 1_000
  let running: Promise<void> | undefined

  const agent = new Agent({ keepAlive: true, maxSockets: 1 })
  let known: EventTarget | undefined

  const attempt = async (records: readonly EventRecord[]): Promise<boolean> => {
    known ??= await target().catch(() => undefined)
    if (!known) return true
    const isTaken = await post(agent, known, records).catch(() => false)
    if (!isTaken) known = undefined
    return isTaken
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
      agent.destroy()
    },
  }
}

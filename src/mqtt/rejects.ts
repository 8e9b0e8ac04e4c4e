import { createHash } from 'node:crypto'
import type { Random } from '../../protocol/base62.ts'
import type { Instant } from '../../protocol/instant.ts'
import { mqttRejectBytesMax, mqttStoredTopicCharsMax } from '../../protocol/limits.ts'
import type { Entry } from '../../protocol/observations.ts'
import type { Session } from '../auth/ports.ts'
import { seal } from '../store/seal.ts'
import type { Fault } from './uplink.ts'

type Message = { readonly topic: string; readonly payload: Uint8Array }

/** Kept for inspection: the body sealed under the owner's key, or left out while that key is not at hand. */
export const rejectedEntry = (
  { principal, sealKey }: Session,
  fault: Fault,
  { topic, payload }: Message,
  { rx, random }: { readonly rx: Instant; readonly random: Random },
): Entry => {
  const start = Buffer.from(payload.subarray(0, mqttRejectBytesMax)).toString('base64')
  const sealed = sealKey
    ? { sealed: seal({ body: start }, sealKey, random), sealed_for: principal.endUserId }
    : {}
  return {
    k: 'rejected',
    via: 'mqtt',
    p: principal.project,
    d: principal.deviceId,
    by: principal.tokenId,
    rx,
    data: {
      code: fault.code,
      topic: topic.slice(0, mqttStoredTopicCharsMax).toWellFormed(),
      ...(fault.field !== undefined && { field: fault.field }),
      bytes: payload.length,
      sha256: createHash('sha256').update(payload).digest('hex'),
      ...sealed,
    },
  }
}

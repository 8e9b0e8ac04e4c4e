import { createHash } from 'node:crypto'
import type { Random } from '../../protocol/base62.ts'
import type { DeviceId, EndUserId, ProjectId, TokenId } from '../../protocol/ids.ts'
import type { Instant } from '../../protocol/instant.ts'
import { mqttRejectBytesMax, mqttStoredTopicCharsMax } from '../../protocol/limits.ts'
import type { Entry } from '../../protocol/observations.ts'
import { seal } from '../store/seal.ts'

/** Who sent it, and the key under which what a person may have written is sealed, where it is at hand. */
export type Sender = {
  readonly project: ProjectId
  readonly deviceId: DeviceId
  readonly endUserId: EndUserId
  readonly tokenId: TokenId
  readonly sealKey: Uint8Array | undefined
}

/** A message that was not taken, and why. */
export type Refused = {
  readonly code: string
  readonly field?: string
  readonly topic: string
  readonly payload: Uint8Array
}

/** Kept for inspection: the start of the body sealed under the owner's key, or left out without that key. */
export const rejectedEntry = (
  { project, deviceId, endUserId, tokenId, sealKey }: Sender,
  { code, field, topic, payload }: Refused,
  { rx, random }: { readonly rx: Instant; readonly random: Random },
): Entry => {
  const start = Buffer.from(payload.subarray(0, mqttRejectBytesMax)).toString('base64')
  const sealed = sealKey
    ? { sealed: seal({ body: start }, sealKey, random), sealed_for: endUserId }
    : {}
  return {
    k: 'rejected',
    via: 'mqtt',
    p: project,
    d: deviceId,
    by: tokenId,
    rx,
    data: {
      code,
      topic: topic.slice(0, mqttStoredTopicCharsMax).toWellFormed(),
      ...(field !== undefined && { field }),
      bytes: payload.length,
      sha256: createHash('sha256').update(payload).digest('hex'),
      ...sealed,
    },
  }
}

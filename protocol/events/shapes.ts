import { z } from 'zod'
import {
  type ApiKeyId,
  type BindingId,
  type DeviceId,
  type EndUserId,
  type IdPrefix,
  idForms,
  type MediaId,
  type ProjectId,
  parseId,
  parseTokenId,
  type RecordingId,
  type TokenId,
} from '../ids.ts'
import { type Instant, instantForm, parseInstant } from '../instant.ts'

const id = <T extends string>(prefix: IdPrefix) =>
  z
    .custom<T>((value) => parseId(prefix, value) !== undefined, `not an id of the form ${prefix}…`)
    .register(z.globalRegistry, { type: 'string', pattern: idForms[prefix].source })

export const deviceId = id<DeviceId>('dev_')
export const endUserId = id<EndUserId>('eu_')
export const apiKeyId = id<ApiKeyId>('key_')
export const bindingId = id<BindingId>('bind_')
export const projectId = id<ProjectId>('proj_')
export const recordingId = id<RecordingId>('rec_')
export const mediaId = id<MediaId>('med_')
export const tokenId = z.custom<TokenId>(
  (value) => parseTokenId(value) !== undefined,
  'not a token id',
)
export const instant = z
  .custom<Instant>((value) => parseInstant(value) !== undefined, 'not an instant')
  .register(z.globalRegistry, {
    id: 'Instant',
    type: 'string',
    format: 'date-time',
    pattern: instantForm.source,
    examples: ['2026-11-22T10:00:00.123Z'],
  })

/** base64( nonce24 ‖ secretbox(JCS(object), nonce, subject key) ). */
export const sealed = z.base64()
/** Keyed hash, 64 lower hex digits. */
export const hash = z.string().regex(/^[0-9a-f]{64}$/)
/** HMAC-SHA-256 as base64url. */
export const hmac = z.string().regex(/^[A-Za-z0-9_-]{43}$/)
export const kid = z.string().regex(/^[0-9a-f]{8,16}$/)
export const count = z.int().min(0)

import { z } from 'zod'
import { deviceSettingsSchema } from '../settings.ts'
import {
  bindingId,
  count,
  deviceId,
  endUserId,
  hash,
  hmac,
  instant,
  kid,
  sealed,
  tokenId,
} from './shapes.ts'

/** `<proj>.device-<id>`: the ownership history. These names and members are stored for ever. */
export const deviceEvents = {
  DeviceRegistered: z.strictObject({
    device_id: deviceId,
    model: z.string(),
    generation: z.int().min(1),
    serial_hash: hash,
    sealed,
  }),
  DeviceUpdated: z.strictObject({
    sealed: sealed.optional(),
    settings: deviceSettingsSchema.optional(),
    settings_version: z.int().min(1).optional(),
  }),
  DeviceBound: z.strictObject({ binding_id: bindingId, end_user_id: endUserId }),
  DeviceTokenIssued: z.strictObject({
    token_id: tokenId,
    hmac,
    pepper_kid: kid,
    binding_id: bindingId,
  }),
  DeviceTokenRefreshed: z.strictObject({
    token_id: tokenId,
    hmac,
    pepper_kid: kid,
    replaces: tokenId,
    old_valid_until: instant,
  }),
  DeviceTokenConfirmed: z.strictObject({ token_id: tokenId }),
  DeviceTokenRevoked: z.strictObject({
    token_ids: z.array(tokenId).min(1),
    reason: z.enum(['unbound', 'retired', 'superseded']),
  }),
  DeviceUnbound: z.strictObject({
    binding_id: bindingId,
    end_user_id: endUserId,
    reason: z.enum(['requested', 'retired', 'end_user_deleted']),
  }),
  DeviceRetired: z.strictObject({ reason: z.enum(['requested']) }),
  TokenReuseDetected: z.strictObject({ token_id: tokenId }),
  CloneSuspected: z.strictObject({ token_id: tokenId, takeovers: count }),
} as const

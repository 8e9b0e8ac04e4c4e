import type { DeviceEvent } from '../../protocol/events/lifecycle.ts'
import {
  type BindingId,
  type DeviceId,
  derivedId,
  type EndUserId,
  parseTokenId,
  type TokenId,
} from '../../protocol/ids.ts'
import type { Instant } from '../../protocol/instant.ts'
import type { TokenSecret } from '../../src/domain/device-tokens.ts'

const named = (name: string): Uint8Array => Buffer.from(name)
export const deviceNamed = (name: string): DeviceId => derivedId('dev_', named(name))
export const endUserNamed = (name: string): EndUserId => derivedId('eu_', named(name))
export const bindingNamed = (name: string): BindingId => derivedId('bind_', named(name))
export const tokenNamed = (name: string): TokenId => {
  const id = parseTokenId(derivedId('key_', named(name)).slice('key_'.length))
  if (!id) throw new Error('a derived id has another length')
  return id
}

export const sealed = Buffer.alloc(64).toString('base64')
export const secret = (name: string): TokenSecret => ({
  token_id: tokenNamed(name),
  hmac: Buffer.alloc(32, name).toString('base64url'),
  pepper_kid: '0123abcd',
})

export const registration = {
  deviceId: deviceNamed('pin'),
  model: 'bota_pin',
  generation: 1,
  serialHash: '0'.repeat(64),
  sealed,
}

export const registered: DeviceEvent = {
  type: 'DeviceRegistered',
  data: {
    device_id: registration.deviceId,
    model: 'bota_pin',
    generation: 1,
    serial_hash: registration.serialHash,
    sealed,
  },
}
export const boundTo = (name: string): DeviceEvent => ({
  type: 'DeviceBound',
  data: { binding_id: bindingNamed(name), end_user_id: endUserNamed(name) },
})
export const issued = (token: string, binding: string): DeviceEvent => ({
  type: 'DeviceTokenIssued',
  data: { ...secret(token), binding_id: bindingNamed(binding) },
})
export const refreshed = (token: string, replaces: string, until: Instant): DeviceEvent => ({
  type: 'DeviceTokenRefreshed',
  data: { ...secret(token), replaces: tokenNamed(replaces), old_valid_until: until },
})
export const confirmed = (token: string): DeviceEvent => ({
  type: 'DeviceTokenConfirmed',
  data: { token_id: tokenNamed(token) },
})
export const revoked = (
  tokens: readonly string[],
  reason: 'unbound' | 'retired' | 'superseded',
): DeviceEvent => ({
  type: 'DeviceTokenRevoked',
  data: { token_ids: tokens.map(tokenNamed), reason },
})
export const unboundFrom = (
  name: string,
  reason: 'requested' | 'retired' | 'end_user_deleted' = 'requested',
): DeviceEvent => ({
  type: 'DeviceUnbound',
  data: { binding_id: bindingNamed(name), end_user_id: endUserNamed(name), reason },
})
export const retired: DeviceEvent = { type: 'DeviceRetired', data: { reason: 'requested' } }

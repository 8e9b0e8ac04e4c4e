import type { ApiKeyEvent, DeviceEvent } from '../../protocol/events/lifecycle.ts'
import type {
  ApiKeyId,
  BindingId,
  DeviceId,
  EndUserId,
  ProjectId,
  TokenId,
} from '../../protocol/ids.ts'
import type { Instant } from '../../protocol/instant.ts'
import type { Scope } from '../../protocol/scopes.ts'

/** A secret as it is stored: HMAC under the pepper of that name. */
export type StoredSecret = { readonly hmac: string; readonly pepperKid: string }

/** Whom a token stands for: the same for a token and for the one that replaces it. */
export type Binding = {
  readonly bindingId: BindingId
  readonly endUserId: EndUserId
}

/**
 * What is true of a device token at a position of the log. `old`: replaced, and good until the newer one is first used, at
 * most until `validUntil`. `superseded`: that happened; presenting it is a theft signal.
 */
export type TokenTruth = {
  readonly kind: 'token'
  readonly tokenId: TokenId
  readonly project: ProjectId
  readonly deviceId: DeviceId
  /** `null` once its device is bound no more. */
  readonly binding: Binding | null
  readonly secret: StoredSecret
  readonly state: 'live' | 'unconfirmed' | 'old' | 'superseded' | 'dead'
  readonly validUntil: Instant | null
}

/** What is true of an API key at a position of the log. */
export type KeyTruth = {
  readonly kind: 'key'
  readonly keyId: ApiKeyId
  readonly project: ProjectId
  readonly mode: 'live' | 'test'
  readonly keyKind: 'secret' | 'restricted'
  readonly scopes: readonly Scope[]
  readonly state: 'live' | 'dead'
  readonly secret: StoredSecret
  readonly old: (StoredSecret & { readonly validUntil: Instant }) | null
}

export type Truth = TokenTruth | KeyTruth

export const secretOf = (data: { hmac: string; pepper_kid: string }): StoredSecret => ({
  hmac: data.hmac,
  pepperKid: data.pepper_kid,
})

const isAlive = ({ state }: TokenTruth): boolean => state !== 'superseded' && state !== 'dead'

const afterConfirmed = (token: TokenTruth, confirmed: TokenId): TokenTruth => {
  if (confirmed === token.tokenId)
    return token.state === 'unconfirmed' ? { ...token, state: 'live' } : token
  return token.state === 'old' ? { ...token, state: 'superseded' } : token
}

/** One token of a device after a further event of that device. */
export const evolveToken = (token: TokenTruth, event: DeviceEvent): TokenTruth => {
  if (!isAlive(token)) return token
  switch (event.type) {
    case 'DeviceTokenRefreshed':
      return event.data.replaces === token.tokenId
        ? { ...token, state: 'old', validUntil: event.data.old_valid_until }
        : token
    case 'DeviceTokenConfirmed':
      return afterConfirmed(token, event.data.token_id)
    case 'DeviceTokenRevoked':
      if (!event.data.token_ids.includes(token.tokenId)) return token
      return { ...token, state: event.data.reason === 'superseded' ? 'superseded' : 'dead' }
    case 'DeviceUnbound':
      return event.data.binding_id === token.binding?.bindingId
        ? { ...token, state: 'dead' }
        : token
    case 'DeviceRetired':
      return { ...token, state: 'dead' }
    case 'DeviceRegistered':
    case 'DeviceUpdated':
    case 'DeviceBound':
    case 'DeviceTokenIssued':
    case 'TokenReuseDetected':
    case 'CloneSuspected':
      return token
  }
}

/** An API key after a further event of it. */
export const evolveKey = (key: KeyTruth, event: ApiKeyEvent): KeyTruth => {
  switch (event.type) {
    case 'ApiKeyCreated':
      return key
    case 'ApiKeyRotated':
      return {
        ...key,
        secret: secretOf(event.data),
        old: { ...key.secret, validUntil: event.data.old_valid_until },
      }
    case 'ApiKeyRevoked':
      return { ...key, state: 'dead', old: null }
  }
}

import type {
  ApiKeyId,
  BindingId,
  DeviceId,
  EndUserId,
  NodeId,
  ProjectId,
  SessionId,
  TokenId,
} from '../../protocol/ids.ts'
import type { CloseReason } from '../../protocol/observations.ts'
import type { Scope } from '../../protocol/scopes.ts'
import type { Position } from '../store/event-store.ts'

/** A device that signed in with a live token. */
export type DevicePrincipal = {
  readonly kind: 'device'
  readonly project: ProjectId
  readonly deviceId: DeviceId
  readonly endUserId: EndUserId
  readonly bindingId: BindingId
  readonly tokenId: TokenId
}

/** A backend with an API key. */
export type KeyPrincipal = {
  readonly kind: 'key'
  readonly project: ProjectId
  readonly keyId: ApiKeyId
  readonly keyKind: 'secret' | 'restricted'
  readonly scopes: ReadonlySet<Scope>
}

/**
 * How a credential was met. `malformed`, `unknown`, `wrong-secret`: MQTT 4, HTTP 401. `dead`: the secret is right, but revoked,
 * expired, superseded or not bound: MQTT 5, HTTP 401. `not-now`: this node cannot tell yet: MQTT 3, HTTP 503.
 */
export type AuthOutcome<Principal> =
  | { readonly kind: 'accepted'; readonly principal: Principal }
  | { readonly kind: 'malformed' | 'unknown' | 'wrong-secret' | 'dead' | 'not-now' }

/** A session of a device on this node, from before its CONNACK until its end. */
export type Session = {
  readonly id: SessionId
  readonly principal: DevicePrincipal
  /** The position of its `session.` commit: the newest session of a device has the highest. */
  readonly epoch: Position
  /** Key of the bound end user for what observations seal; `undefined` while the vault cannot be reached. */
  readonly sealKey: Uint8Array | undefined
}

/** What the broker hands in: how the session's socket is closed, at once and with its will suppressed where asked. */
export type Kick = (reason: CloseReason) => void

export type OpenOutcome =
  | { readonly kind: 'opened'; readonly session: Session }
  | { readonly kind: 'malformed' | 'unknown' | 'wrong-secret' | 'dead' | 'not-now' }

export type Auth = {
  /** For HTTP: a `dtok_` token. The first use of a refreshed token is recorded before this answers. */
  readonly device: (text: string, remote: string) => Promise<AuthOutcome<DevicePrincipal>>
  /** For HTTP: an API key. */
  readonly key: (text: string, remote: string) => Promise<AuthOutcome<KeyPrincipal>>
  /** For MQTT: authenticates, registers the session and has it in the log before it answers. `kick` may be called from then on, even before. */
  readonly openSession: (text: string, remote: string, kick: Kick) => Promise<OpenOutcome>
  /** Idempotent. The `closed` entry is committed in the background. */
  readonly closeSession: (id: SessionId, reason: CloseReason) => void
  readonly lease: Lease
  /** How far this node has followed the log. */
  readonly health: () => {
    readonly status: 'ok' | 'failing'
    readonly detail?: string
    readonly lagMs: number
    readonly leaseMs: number
  }
  /** Nodes that live, with this one. */
  readonly liveNodes: () => number
  /** Waits until this node has followed the log up to `position`, bounded. */
  readonly followed: (position: Position, msMax: number) => Promise<boolean>
  readonly close: () => Promise<void>
}

/** Whether this node may accept, acknowledge and append observations: it has proved that it follows the log. */
export type Lease = {
  readonly holds: () => boolean
  /** The incarnation in whose streams this node writes; another after every `NodeLost`. */
  readonly node: () => NodeId
  /** Called at once with each new incarnation: what was written under the one before is over. */
  readonly onIncarnation: (listener: (node: NodeId) => void) => void
}

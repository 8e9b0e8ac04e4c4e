import type { Kysely } from 'kysely'
import type { Tables } from '../../projections/tables.ts'
import type { Random } from '../../protocol/base62.ts'
import type { ProjectId, RecordingId } from '../../protocol/ids.ts'
import type { Auth } from '../auth/ports.ts'
import type { Ingest } from '../ingest/ingest.ts'
import type { Position } from '../store/event-store.ts'
import type { Secrets } from '../store/keyring.ts'
import type { Ledger } from '../store/ledger.ts'
import type { Log } from '../store/log.ts'
import type { Meter } from '../store/meter.ts'
import type { ObjectStore } from '../store/object-store.ts'
import type { Vault } from '../store/vault.ts'

/** The read models, seen from here: how far they are, and waiting for them. */
export type Projections = {
  /** Whether the read models stand at or past `position`, once they do or after at most `msMax`. */
  readonly waitFor: (position: Position, msMax: number) => Promise<boolean>
  /** A position that they are known to have reached, without asking; `undefined` where only the checkpoints table tells. */
  readonly position?: () => Position | undefined
}

export type Check = {
  readonly status: 'ok' | 'failing'
  readonly detail?: string
  readonly lag_ms?: number
  readonly lease_ms?: number
}

/** GET /health/ready (operating contract, "Health"). */
export type HealthReport = {
  readonly status: 'ready' | 'not_ready'
  readonly node: string
  readonly version: string
  readonly checks: Readonly<Record<string, Check>>
}

/** A read model that was folded anew, and whether the live one was the same. */
export type RebuiltModel = {
  readonly projection: string
  readonly events: number
  readonly seconds: number
  readonly fingerprint: string
  readonly equal: boolean
}

export type RebuildProgress = {
  readonly doing: 'folding' | 'writing' | 'comparing'
  readonly events: number
  readonly seconds: number
  readonly position: bigint
  readonly of: bigint
}

export type RebuildOutcome =
  | { readonly kind: 'rebuilt'; readonly models: readonly RebuiltModel[] }
  /** Another node keeps the read models; `leader` says which, where that is known. */
  | { readonly kind: 'not-leading'; readonly leader: string | undefined }
  | { readonly kind: 'under-way' }
  | { readonly kind: 'unknown-projection'; readonly name: string }
  | { readonly kind: 'unavailable' }

/** Requests a second, 0 for unlimited (HTTP contract, decision 23). `liveNodes` share each limit. */
export type Rates = {
  readonly key: number
  readonly device: number
  readonly project: number
  readonly liveNodes?: () => number
}

export type RecordingPlace = { readonly project: ProjectId; readonly recording: RecordingId }

/** The movers of bytes, seen from here. */
export type RecordingBytes = {
  /** Something of it may have come into the object store: looked at soon. */
  readonly hint: (place: RecordingPlace, indices?: readonly number[]) => void
  /** The same, and resolves once it was looked at. What goes wrong is left to the next sweep. */
  readonly look: (place: RecordingPlace) => Promise<void>
  /** It was deleted: its objects go. */
  readonly remove: (place: RecordingPlace) => void
}

/** What the management API needs of the rest of Lapel. */
export type HttpDeps = {
  readonly auth: Pick<Auth, 'device' | 'key' | 'followed'>
  readonly ledger: Ledger
  readonly vault: Vault
  readonly ingest: Pick<Ingest, 'observe'>
  readonly projector: Projections
  /** The history of heartbeats, which is kept apart. */
  readonly heartbeats: Projections
  /** For reads of one project world: row security lets no statement see another. */
  readonly reads: (project: ProjectId) => Kysely<Tables>
  /** For what belongs to no world: checkpoints, projects. */
  readonly shared: Kysely<Tables>
  readonly secrets: Secrets
  /** Milliseconds since 1970. */
  readonly now: () => number
  readonly random: Random
  readonly log: Log
  readonly meter: Meter
  /** The bearer of this start, taken from loopback only. */
  readonly admin: string
  readonly health: () => HealthReport | Promise<HealthReport>
  /** Prometheus text, and the bearer that reads it from elsewhere than loopback. */
  readonly metrics: { readonly text: () => Promise<string>; readonly bearer?: string | undefined }
  /** Read models folded anew; broken off by the signal it throws and changed nothing. */
  readonly rebuild: (
    names: readonly string[] | undefined,
    options: {
      readonly onProgress: (progress: RebuildProgress) => void
      readonly signal: AbortSignal
    },
  ) => Promise<RebuildOutcome>
  readonly objects: ObjectStore
  readonly recordings: RecordingBytes
  /** The bearer of the object store's notifications. */
  readonly objectEventsToken: string
  /** Where this node is reached, for URLs that it gives out. */
  readonly publicUrl: () => string
  readonly tokenGraceSeconds: number
  readonly onlineWindowSeconds: number
  readonly rates: Rates
}

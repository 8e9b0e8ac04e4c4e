import type { BootWindow } from '../protocol/boot-window.ts'
import type { Ranges } from '../protocol/ranges.ts'
import type { RecordingStatus } from '../protocol/recording-payloads.ts'
import type { Stage } from '../protocol/recording-status.ts'
import type { Scope } from '../protocol/scopes.ts'
import type { DeviceSettings } from '../protocol/settings.ts'

/** `bigint` columns: the driver gives them as decimal text. */
export type Int8 = string
/** Instants are text in their stored form; `timestamptz` columns come as `Date`. */
export type InstantText = string
export type Metadata = Readonly<Record<string, string | number | boolean>>

export type CheckpointRow = { projection: string; version: number; commit: Int8 | null }

export type ProjectRow = {
  id: string
  mode: 'live' | 'test'
  twin: string
  name: string | null
  created_at: InstantText
}

export type EndUserRow = {
  id: string
  project_id: string
  external_id: string | null
  email: string | null
  name: string | null
  metadata: Metadata
  erased: boolean
  created_at: InstantText
  updated_at: InstantText
  revision: Int8
}

export type DeviceRow = {
  id: string
  project_id: string
  serial_number: string | null
  model: string
  generation: number
  name: string | null
  firmware_version: string | null
  status: 'unbound' | 'bound' | 'retired'
  end_user_id: string | null
  binding_id: string | null
  bound_at: InstantText | null
  metadata: Metadata
  settings: DeviceSettings
  settings_version: number
  created_at: InstantText
  updated_at: InstantText
  revision: Int8
}

export type DeviceHealthRow = {
  device_id: string
  project_id: string
  battery_percent: number | null
  storage_used_mb: Int8 | null
  storage_total_mb: Int8 | null
  signal_strength_dbm: number | null
  firmware_version: string | null
  device_name: string | null
  device_state: string | null
  pending_recordings: Int8 | null
  flags: number | null
  connection_type: readonly string[] | null
  last_heartbeat_at: InstantText | null
  last_seen_at: InstantText | null
  last_seen_via: 'mqtt' | 'http' | null
  boot_window: BootWindow
  session_id: string | null
  session_node: string | null
  session_position: Int8 | null
  session_since: InstantText | null
  presence_changed_at: InstantText | null
  presence_reason: string | null
  /** Of a device that is retired: it counts no more. */
  retired: boolean
}

/** How many rows of a read model are such and such. */
export type CountRow = { project_id: string; projection: string; name: string; rows: Int8 }

/** `unconfirmed`: never used yet. `old`: works until its successor is used, never past `valid_until`. */
export type TokenState = 'live' | 'unconfirmed' | 'old' | 'superseded' | 'revoked'

export type TokenRow = {
  id: string
  project_id: string
  device_id: string
  hmac: string
  pepper_kid: string
  state: TokenState
  valid_until: InstantText | null
}

export type ApiKeyRow = {
  id: string
  project_id: string
  kind: 'secret' | 'restricted'
  scopes: readonly Scope[]
  name: string | null
  hint: string
  hmac: string
  pepper_kid: string
  old_hmac: string | null
  old_pepper_kid: string | null
  old_valid_until: InstantText | null
  revoked: boolean
  created_at: InstantText
  updated_at: InstantText
  revision: Int8
}

export type SessionRow = {
  id: string
  node: string
  project_id: string
  device_id: string
  token_id: string
  opened_at: InstantText
  position: Int8
}

export type LostNodeRow = { id: string; lost_by: string; position: Int8 }

export type OwnershipRow = {
  binding_id: string
  project_id: string
  device_id: string
  end_user_id: string
  since: Date
  until: Date | null
}

/** What one device sent within one batch of the history. */
export type HeartbeatRunRow = {
  device_id: string
  project_id: string
  position: Int8
  entry: number
  received_at: Date
  received_until: Date
  /** Packed JSON. */
  beats: Buffer
  numbering: object | null
}

/** A file of a recording, as its row keeps it. */
export type MediaEntry = {
  readonly id: string
  readonly type: string
  readonly content_type: string
  readonly bytes: number | null
  readonly sha256: string | null
  readonly captured_at: InstantText | null
  readonly created_at: InstantText
  /** `null` until it is stored. */
  readonly object: string | null
}

export type RecordingRow = {
  id: string
  project_id: string
  source: 'mqtt' | 'http'
  device_id: string | null
  end_user_id: string | null
  binding_id: string | null
  quarantine_reason: string | null
  /** Somebody decided whose it is. */
  is_assigned: boolean
  skew_ms: Int8 | null
  boot: string | null
  codec: string | null
  sample_rate: number | null
  channels: number | null
  name: string | null
  metadata: Metadata
  /** Under whose key `name` and `metadata` stand in the log; `null`: the recording's own. */
  sealed_for: string | null
  started_at: InstantText
  ended_at: InstantText | null
  duration_ms: Int8 | null
  announced: Ranges
  stored: Ranges
  total_chunks: number | null
  total_bytes: Int8 | null
  finish_reason: string | null
  finished_at: InstantText | null
  media: readonly MediaEntry[]
  status: RecordingStatus | 'deleted'
  stage: Stage
  /** It takes chunks or files, or waits for being put together. */
  is_open: boolean
  ended_how: 'stitched' | 'incomplete' | 'failed' | null
  object: string | null
  object_bytes: Int8 | null
  object_sha256: string | null
  merkle_root: string | null
  failure_reason: string | null
  missing: Ranges | null
  closed_at: InstantText | null
  deleted_at: InstantText | null
  created_at: InstantText
  updated_at: InstantText
  revision: Int8
}

export type RecordingChunkRow = {
  id: string
  recording_id: string
  project_id: string
  index: number
  bytes: Int8
  sha256: string
  started_at: InstantText | null
  duration_ms: Int8 | null
  announced_at: InstantText
  attempt: number
  object: string | null
  stored_at: InstantText | null
  refused_because: string | null
}

/** When a key was last used, to the minute: no fold of the log. */
export type KeyUseRow = { key_id: string; used_at: Date }

/** The read models, as Kysely knows them, and what stands beside them. */
export type Tables = {
  'live.checkpoints': CheckpointRow
  'live.counts': CountRow
  'live.projects': ProjectRow
  'live.end_users': EndUserRow
  'live.devices': DeviceRow
  'live.device_health': DeviceHealthRow
  'live.tokens': TokenRow
  'live.api_keys': ApiKeyRow
  'live.sessions': SessionRow
  'live.lost_nodes': LostNodeRow
  'live.ownership': OwnershipRow
  'live.heartbeats': HeartbeatRunRow
  'live.recordings': RecordingRow
  'live.recording_chunks': RecordingChunkRow
  'usage.api_keys': KeyUseRow
}

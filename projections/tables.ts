import type { BootWindow } from '../protocol/boot-window.ts'
import type { Scope } from '../protocol/scopes.ts'
import type { DeviceSettings } from '../protocol/settings.ts'
import type { RecordingChunkRow, RecordingRow } from './recording-row.ts'

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
}

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

/** When a key was last used, to the minute: no fold of the log. */
export type KeyUseRow = { key_id: string; used_at: Date }

/** The read models, as Kysely knows them, and what stands beside them. */
export type Tables = {
  'live.checkpoints': CheckpointRow
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

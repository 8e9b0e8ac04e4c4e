import type { ListedDevice } from '../../projections/devices.ts'
import type { Int8 } from '../../projections/tables.ts'
import type { ProjectId } from '../../protocol/ids.ts'
import { effectiveSettings } from '../../protocol/settings.ts'
import type { RegisteredDevice } from '../domain/device.ts'

/** Of a JSON object. */
export type Members = Readonly<Record<string, unknown>>

/** HTTP contract, decision 1: never reported is `null`, not absent. */
const unknownHealth: Members = {
  battery_percent: null,
  storage_used_mb: null,
  storage_total_mb: null,
  signal_strength_dbm: null,
  last_heartbeat_at: null,
  recording_state: null,
}

const unknownPresence: Members = {
  online: false,
  last_seen_at: null,
  session_since: null,
  session_reason: null,
}

export type Opened = Readonly<Record<string, unknown>>

/** What the stream says of a device; `opened` is what its sealed members hold, `{}` where they cannot be opened. */
const recordOf = (project: ProjectId, device: RegisteredDevice, opened: Opened): Members => ({
  id: device.deviceId,
  project_id: project,
  serial_number: opened['serial_number'] ?? null,
  model: device.model,
  name: opened['name'] ?? null,
  firmware_version: opened['firmware_version'] ?? null,
  status: device.status,
  generation: device.generation,
  end_user_id: device.binding?.endUserId ?? null,
  bound_at: device.binding?.since ?? null,
  metadata: opened['metadata'] ?? {},
  created_at: device.createdAt,
  updated_at: device.updatedAt,
})

const whole = (value: Int8 | null): number | null => (value === null ? null : Number(value))

const recordingState = (row: ListedDevice): Members | null => {
  const device_state = row.health_device_state
  const pending_recordings = whole(row.health_pending_recordings)
  const flags = row.health_flags
  const connection_type = row.health_connection_type
  const isUnknown =
    device_state === null &&
    pending_recordings === null &&
    flags === null &&
    connection_type === null
  return isUnknown ? null : { device_state, pending_recordings, flags, connection_type }
}

export type OnlineWindow = { readonly nowMs: number; readonly seconds: number }

/** HTTP contract, decision 21: an open session, or a heartbeat over HTTP that is recent enough. */
const isOnline = (row: ListedDevice, { nowMs, seconds }: OnlineWindow): boolean => {
  if (row.health_session_id !== null) return true
  if (row.health_last_seen_via !== 'http' || row.health_last_heartbeat_at === null) return false
  return nowMs - Date.parse(row.health_last_heartbeat_at) <= seconds * 1_000
}

/** A device as its row tells it (`deviceReply`). What the device last said of its own name and firmware goes before what was registered. */
export const deviceOfRow = (row: ListedDevice, window: OnlineWindow): Members => ({
  id: row.id,
  project_id: row.project_id,
  serial_number: row.serial_number,
  model: row.model,
  name: row.health_device_name ?? row.name,
  firmware_version: row.health_firmware_version ?? row.firmware_version,
  status: row.status,
  generation: row.generation,
  end_user_id: row.end_user_id,
  bound_at: row.bound_at,
  metadata: row.metadata,
  created_at: row.created_at,
  updated_at: row.updated_at,
  battery_percent: row.health_battery_percent,
  storage_used_mb: whole(row.health_storage_used_mb),
  storage_total_mb: whole(row.health_storage_total_mb),
  signal_strength_dbm: row.health_signal_strength_dbm,
  last_heartbeat_at: row.health_last_heartbeat_at,
  recording_state: recordingState(row),
  online: isOnline(row, window),
  last_seen_at: row.health_last_seen_at,
  session_since: row.health_session_since,
  session_reason: row.health_presence_reason,
})

/** A device as its stream tells it: its health is no part of that. */
export const deviceOfFold = (
  project: ProjectId,
  device: RegisteredDevice,
  opened: Opened,
): Members => ({ ...recordOf(project, device, opened), ...unknownHealth, ...unknownPresence })

/** The settings in force, which only GET and PATCH of one device show. */
export const settingsMembers = (
  settings: RegisteredDevice['settings'],
  version: number,
): Members => ({ settings: effectiveSettings(settings), settings_version: version })

import type { Members } from './device-reply.ts'

/** PUT and PATCH …/settings, of a device with its settings. */
export const settingsOf = ({ id, settings, settings_version, updated_at }: Members): Members => ({
  device_id: id,
  settings,
  settings_version,
  updated_at,
})

type RecordingState = {
  readonly device_state: string | null
  readonly connection_type: readonly string[] | null
} | null

const stateIn = ({ recording_state }: Members): RecordingState => recording_state as RecordingState

/** The fastest that it last named. */
const networkOf = (device: Members): string | null => {
  const named = stateIn(device)?.connection_type ?? []
  return ['wifi', '4g', 'ble'].find((network) => named.includes(network)) ?? null
}

/** GET …/settings: no device says yet whether it roams, nor what it used. */
export const withStatus = (device: Members): Members => {
  if (device['online'] !== true) return settingsOf(device)
  const { signal_strength_dbm, battery_percent, storage_used_mb, storage_total_mb } = device
  return {
    ...settingsOf(device),
    current_status: {
      network_type: networkOf(device),
      signal_strength_dbm,
      is_roaming: null,
      data_used_today_mb: null,
      battery_percent,
      storage_used_mb,
      storage_total_mb,
    },
  }
}

/** GET …/state. What a device records, it was told to by its button: nothing else starts a recording. */
export const stateOf = (device: Members): Members => {
  const { id, online, battery_percent, storage_used_mb, storage_total_mb, last_heartbeat_at } =
    device
  const active = stateIn(device)?.device_state === 'recording'
  return {
    device_id: id,
    online,
    recording: { active, initiated_by: active ? 'local' : null },
    battery_percent,
    storage_used_mb,
    storage_total_mb,
    last_heartbeat_at,
  }
}

import { defaultSettings } from '../../../protocol/settings.ts'

// What the descriptions of the routes show. A test holds each of them against its schema.

const at = '2026-11-22T10:00:00.123Z'
const later = '2026-11-22T10:05:00.000Z'

export const device = {
  id: 'dev_0LapelVectorDevice0001',
  project_id: 'proj_0LapelVectorsTest00001',
  serial_number: 'SN-0001',
  model: 'bota_pin',
  name: 'Front desk',
  firmware_version: '2.4.1',
  status: 'bound',
  generation: 1,
  end_user_id: 'eu_0LapelVectorEndUser001',
  bound_at: at,
  metadata: { site: 'Zurich' },
  created_at: at,
  updated_at: at,
  battery_percent: 81,
  storage_used_mb: 512,
  storage_total_mb: 4_096,
  signal_strength_dbm: -87,
  last_heartbeat_at: later,
  recording_state: {
    device_state: 'idle',
    pending_recordings: 2,
    flags: 16,
    connection_type: ['4g'],
  },
  online: true,
  last_seen_at: later,
  session_since: at,
  session_reason: 'connected',
}

export const unboundDevice = {
  ...device,
  status: 'unbound',
  end_user_id: null,
  bound_at: null,
  online: false,
  session_since: null,
}

export const deviceWithSettings = { ...device, settings: defaultSettings, settings_version: 0 }

export const deviceSettings = {
  device_id: device.id,
  settings: defaultSettings,
  settings_version: 0,
  updated_at: at,
}

export const deviceState = {
  device_id: device.id,
  online: true,
  recording: { active: false, initiated_by: null },
  battery_percent: 81,
  storage_used_mb: 512,
  storage_total_mb: 4_096,
  last_heartbeat_at: later,
}

export const deviceStats = {
  device_count: 1_000,
  bound_count: 900,
  unbound_count: 100,
  online_count: 850,
  low_battery_count: 12,
  storage_full_count: 3,
}

export const deviceToken = 'dtok_0LapelTokenId7hVqk2XwzPZ3mJt0aYdRfBnCsLuEoGi6N4M5xQ'

export const endUser = {
  id: 'eu_0LapelVectorEndUser001',
  project_id: 'proj_0LapelVectorsTest00001',
  external_id: 'customer-17',
  email: 'ada@example.com',
  name: 'Ada Lovelace',
  metadata: { plan: 'pro' },
  created_at: at,
  updated_at: at,
}

export const apiKey = {
  id: 'key_VectorApiKey',
  kind: 'restricted',
  mode: 'test',
  project_id: 'proj_0LapelVectorsTest00001',
  status: 'active',
  name: 'Reporting',
  scopes: ['devices:read'],
  hint: 'rk_test_…vVkA',
  last_used_at: null,
  created_at: at,
}

export const project = {
  id_live: 'proj_0LapelVectorsLive00001',
  id_test: 'proj_0LapelVectorsTest00001',
  name: 'Acme',
  created_at: at,
}

export const historyEntry = {
  id: '5f0c7a52-6b7d-4f0e-9a53-0e4c8f1d2b6a',
  type: 'DeviceBound',
  revision: 1,
  position: '48211',
  at,
  actor: 'key_VectorApiKey',
  request_id: 'req_0LapelVectorRequest001',
  data: { end_user_id: 'eu_0LapelVectorEndUser001', binding_id: 'bind_0LapelVectorBinding001' },
}

export const owner = {
  device_id: device.id,
  end_user_id: endUser.id,
  binding_id: 'bind_0LapelVectorBinding001',
  since: at,
  until: null,
  at: later,
  known_at: later,
  revision: 2,
}

export const heartbeat = {
  received_at: later,
  via: 'mqtt',
  boot: 12,
  seq: 4_711,
  device_at: at,
  battery_percent: 81,
  storage_used_mb: 512,
  storage_total_mb: 4_096,
  signal_strength_dbm: -87,
  firmware_version: '2.4.1',
  device_state: 'idle',
  pending_recordings: 2,
  flags: 16,
  connection_type: ['4g'],
}

const { at: ownedAt, known_at: _, revision: __, ...owned } = owner

export const page = (row: object) => ({ data: [row], has_more: false, next_cursor: null })

export const ownedDevices = { ...page(owned), at: ownedAt }

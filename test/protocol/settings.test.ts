import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { updateDeviceBody } from '../../protocol/requests.ts'
import {
  type DeviceSettings,
  defaultSettings,
  deviceSettingsSchema,
  effectiveSettings,
  mergeSettings,
} from '../../protocol/settings.ts'
import { faults, takes } from './judging.ts'

const test = suite('settings')

test('the defaults are settings, and what is in force where nothing was set', () => {
  assert.equal(deviceSettingsSchema.parse(defaultSettings), defaultSettings)
  assert.equal(effectiveSettings({}), defaultSettings)
})

test('only what was sent changes', () => {
  const base: DeviceSettings = {
    upload: { streaming_enabled: true, allow_roaming: true },
    power: { auto_sleep_minutes: 5 },
  }
  const merged = mergeSettings(base, { upload: { allow_roaming: false }, audio: { codec: 'aac' } })
  assert.equal(merged, {
    upload: { streaming_enabled: true, allow_roaming: false },
    power: { auto_sleep_minutes: 5 },
    audio: { codec: 'aac' },
  })
  assert.equal(mergeSettings(base, {}), base)
  assert.equal(mergeSettings(merged, merged), merged)
})

test('a list is replaced whole, a group may be switched off and on', () => {
  const list = mergeSettings(
    { connection: { upload_network_preference: ['wifi', 'ble'] } },
    { connection: { upload_network_preference: ['cellular'] } },
  )
  assert.equal(list.connection?.upload_network_preference, ['cellular'])
  const hours = { enabled: true, start: '22:00', end: '06:00', timezone: 'Europe/Berlin' }
  const on = mergeSettings(
    { upload: { off_peak_hours: null } },
    { upload: { off_peak_hours: hours } },
  )
  assert.equal(on.upload?.off_peak_hours, hours)
  assert.is(mergeSettings(on, { upload: { off_peak_hours: null } }).upload?.off_peak_hours, null)
  assert.equal(effectiveSettings(on).upload, { ...defaultSettings.upload, off_peak_hours: hours })
})

test('settings: every member by its path', () => {
  const settings = {
    connection: {
      enabled_connections: { wifi: 1 },
      upload_network_preference: ['wifi', 'wifi'],
      power_management: { wifi_idle_timeout_seconds: 9, cellular_idle_timeout_seconds: 2_541 },
    },
    upload: {
      streaming_chunk_kb: 63,
      streaming_flush_interval_seconds: 256,
      daily_data_limit_mb: 0.5,
      off_peak_hours: { enabled: true, start: '24:00', end: '6:00', timezone: 'a b' },
    },
    audio: { codec: 'mp3', sample_rate_khz: 44, bitrate_kbps: 321 },
    power: { auto_sleep_minutes: -1, low_battery_threshold_percent: 101, other: 1 },
    processing: {},
  }
  const expected = [
    'connection.enabled_connections.wifi',
    'connection.upload_network_preference',
    'connection.power_management.wifi_idle_timeout_seconds',
    'connection.power_management.cellular_idle_timeout_seconds',
    'upload.streaming_chunk_kb',
    'upload.streaming_flush_interval_seconds',
    'upload.daily_data_limit_mb',
    'upload.off_peak_hours.start',
    'upload.off_peak_hours.end',
    'upload.off_peak_hours.timezone',
    'audio.codec',
    'audio.sample_rate_khz',
    'audio.bitrate_kbps',
    'power.auto_sleep_minutes',
    'power.low_battery_threshold_percent',
    'power.other',
    'processing',
  ].map((path) => `settings.${path}`)
  assert.equal([...faults(updateDeviceBody, { settings })].sort(), expected.sort())
  takes(updateDeviceBody, {
    settings: {
      connection: {
        upload_network_preference: ['cellular'],
        power_management: { wifi_idle_timeout_seconds: 0, cellular_idle_timeout_seconds: 2_540 },
      },
      upload: {
        streaming_chunk_kb: 1_024,
        streaming_flush_interval_seconds: 0,
        daily_data_limit_mb: 10_000,
        off_peak_hours: null,
      },
      audio: { codec: 'wav', sample_rate_khz: 48, bitrate_kbps: 8 },
    },
  })
})

test('settings hold no minus zero, which cannot be signed', () => {
  const { settings } = updateDeviceBody.parse({
    settings: {
      power: { auto_sleep_minutes: -0 },
      connection: { power_management: { wifi_idle_timeout_seconds: -0 } },
    },
  })
  assert.ok(Object.is(settings?.power?.auto_sleep_minutes, 0))
  assert.ok(Object.is(settings?.connection?.power_management?.wifi_idle_timeout_seconds, 0))
})

test.run()

import { z } from 'zod'
import { whole } from './text.ts'

/** Device settings, edition of section 1.5 (a) of the HTTP contract. Every member may be left out: what is absent has its default. */
const idleSeconds = z.union([whole(0, 0), whole(10, 2_540)], { error: 'must be 0 or 10 to 2540' })
const clockTime = z.string().regex(/^([01]\d|2[0-3]):[0-5]\d$/)
const networks = ['wifi', 'ble', 'cellular'] as const

const timezone = z
  .string()
  .min(1)
  .max(64)
  .regex(/^[A-Za-z][A-Za-z0-9_+/-]*$/)

const connection = z.strictObject({
  enabled_connections: z
    .strictObject({ wifi: z.boolean().optional(), cellular: z.boolean().optional() })
    .optional(),
  upload_network_preference: z
    .array(z.enum(networks))
    .min(1)
    .max(networks.length)
    .refine((list) => new Set(list).size === list.length, 'names a network twice')
    .optional(),
  power_management: z
    .strictObject({
      wifi_idle_timeout_seconds: idleSeconds.optional(),
      cellular_idle_timeout_seconds: idleSeconds.optional(),
    })
    .optional(),
})

const upload = z.strictObject({
  streaming_enabled: z.boolean().optional(),
  streaming_chunk_kb: whole(64, 1_024).optional(),
  streaming_flush_interval_seconds: whole(0, 255).optional(),
  daily_data_limit_mb: whole(0, 10_000).optional(),
  allow_roaming: z.boolean().optional(),
  pause_on_low_battery: z.boolean().optional(),
  off_peak_hours: z
    .strictObject({ enabled: z.boolean(), start: clockTime, end: clockTime, timezone })
    .nullable()
    .optional(),
})

const audio = z.strictObject({
  codec: z.enum(['opus', 'aac', 'wav']).optional(),
  sample_rate_khz: z.literal([16, 24, 48]).optional(),
  bitrate_kbps: whole(8, 320).optional(),
})

const power = z.strictObject({
  auto_sleep_minutes: whole(0, 1_440).optional(),
  low_battery_threshold_percent: whole(0, 100).optional(),
})

/** What was set explicitly; also the body of a change, which is merged deeply. */
export const deviceSettingsSchema = z
  .strictObject({
    connection: connection.optional(),
    upload: upload.optional(),
    audio: audio.optional(),
    power: power.optional(),
  })
  .meta({ id: 'DeviceSettings' })
export type DeviceSettings = z.infer<typeof deviceSettingsSchema>

export const defaultSettings = {
  connection: {
    enabled_connections: { wifi: true, cellular: true },
    upload_network_preference: ['wifi', 'ble', 'cellular'],
    power_management: { wifi_idle_timeout_seconds: 180, cellular_idle_timeout_seconds: 180 },
  },
  upload: {
    streaming_enabled: false,
    streaming_chunk_kb: 256,
    streaming_flush_interval_seconds: 60,
    daily_data_limit_mb: 0,
    allow_roaming: false,
    pause_on_low_battery: true,
    off_peak_hours: null,
  },
  audio: { codec: 'opus', sample_rate_khz: 16, bitrate_kbps: 32 },
  power: { auto_sleep_minutes: 30, low_battery_threshold_percent: 20 },
} as const satisfies DeviceSettings

type Tree = { readonly [key: string]: unknown }
const isTree = (value: unknown): value is Tree =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

const mergeTrees = (base: Tree, change: Tree): Tree => ({
  ...base,
  ...Object.fromEntries(
    Object.entries(change).map(([key, value]) => {
      const old = base[key]
      return [key, isTree(old) && isTree(value) ? mergeTrees(old, value) : value]
    }),
  ),
})

/** Deep merge: only members that were sent change; a list is replaced whole. */
export const mergeSettings = (base: DeviceSettings, change: DeviceSettings): DeviceSettings =>
  mergeTrees(base, change)

/** Everything that is in force: the defaults under what was set. */
export const effectiveSettings = (set: DeviceSettings): DeviceSettings =>
  mergeSettings(defaultSettings, set)

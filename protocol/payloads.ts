import { z } from 'zod'
import { deviceNameCharsMax, deviceStateCharsMax, firmwareVersionCharsMax } from './limits.ts'
import { text, whole } from './text.ts'

const natural = whole(0)

/** A power-on of a device: a counter, or a UUID. */
export const bootSchema = z.union([whole(0), z.uuid().toLowerCase()], {
  error: 'must be a whole number from 0 or a UUID',
})
export type Boot = z.infer<typeof bootSchema>

/** What every uplink payload may carry beside its own members. `at` is the device's clock and is data, never order. */
export const uplinkSchema = z.object({
  boot: bootSchema.optional(),
  /** Rises within a boot. */
  seq: natural.optional(),
  /** RFC 3339 or integer milliseconds since 1970. */
  at: z
    .union([z.iso.datetime({ offset: true }), natural], {
      error: 'must be an RFC 3339 time or milliseconds since 1970',
    })
    .optional(),
})
export type Uplink = z.infer<typeof uplinkSchema>

export const connectionTypeSchema = z.enum(['wifi', '4g', 'ble'])

/** HTTP contract, section 3.4: all members optional, unknown ones ignored. */
export const heartbeatSchema = z.object({
  battery_percent: whole(0, 100).optional(),
  storage_used_mb: natural.optional(),
  storage_total_mb: natural.optional(),
  signal_strength_dbm: whole(-200, 100).optional(),
  firmware_version: text(firmwareVersionCharsMax).optional(),
  device_name: text(deviceNameCharsMax).optional(),
  device_state: text(deviceStateCharsMax).optional(),
  pending_recordings: natural.optional(),
  flags: whole(0, 255).optional(),
  connection_type: z.array(connectionTypeSchema).max(3).optional(),
})
export type Heartbeat = z.infer<typeof heartbeatSchema>

/** MQTT contract, "Payloads", boot. */
export const bootPayloadSchema = z.object({
  firmware_version: text(firmwareVersionCharsMax).optional(),
  reset_reason: text(64).optional(),
  capabilities: z.array(text(64)).max(32).optional(),
  storage_free_mb: natural.optional(),
  nonce: text(64).optional(),
  clock_synced: z.boolean().optional(),
})
export type BootPayload = z.infer<typeof bootPayloadSchema>

/** A heartbeat or boot as a device sends it: its own members and what every message may carry. */
export const heartbeatMessage = heartbeatSchema.extend(uplinkSchema.shape)
export const bootMessage = bootPayloadSchema.extend(uplinkSchema.shape)

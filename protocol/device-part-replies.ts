import { z } from 'zod'
import { bindingId, count, deviceId, endUserId, instant } from './events/shapes.ts'
import { connectionTypeSchema } from './payloads.ts'
import { deviceReply, listReply } from './replies.ts'
import { deviceSettingsSchema } from './settings.ts'

/** What is read about a device, or the fleet, beside the device itself. */
const device = deviceReply.shape

/** PUT and PATCH …/settings: the settings in force (1.5 b). */
export const deviceSettingsReply = z.object({
  device_id: deviceId,
  settings: deviceSettingsSchema,
  settings_version: count,
  updated_at: instant,
})

/** GET …/settings: with what the device says of itself, while it is online. What it never says is `null`. */
export const deviceSettingsWithStatusReply = deviceSettingsReply.extend({
  current_status: z
    .object({
      network_type: connectionTypeSchema.nullable(),
      signal_strength_dbm: device.signal_strength_dbm,
      is_roaming: z.boolean().nullable(),
      data_used_today_mb: z.int().nullable(),
      battery_percent: device.battery_percent,
      storage_used_mb: device.storage_used_mb,
      storage_total_mb: device.storage_total_mb,
    })
    .optional(),
})

/** GET /devices/stats: of the devices that are not retired. */
export const deviceStatsReply = z
  .object({
    device_count: count,
    bound_count: count,
    unbound_count: count,
    online_count: count,
    low_battery_count: count,
    storage_full_count: count,
  })
  .meta({ id: 'DeviceStats' })

/** GET /end-users/{id}/devices: what was theirs at that time, each with its half-open interval, the newest binding first. */
export const ownedDevicesReply = listReply(
  z
    .object({
      device_id: deviceId,
      end_user_id: endUserId,
      binding_id: bindingId,
      since: instant,
      until: instant.nullable(),
    })
    .meta({ id: 'OwnedDevice' }),
).extend({ at: instant })

/** GET /devices/{id}/heartbeats: as they were received, without what a person named the device. `null`: it did not say. */
export const heartbeatListReply = listReply(
  z
    .object({
      received_at: instant,
      via: z.enum(['mqtt', 'http']),
      boot: z.union([z.int(), z.string()]).nullable(),
      seq: count.nullable(),
      /** By the device's own clock. */
      device_at: z.iso.datetime().nullable(),
      battery_percent: device.battery_percent,
      storage_used_mb: device.storage_used_mb,
      storage_total_mb: device.storage_total_mb,
      signal_strength_dbm: device.signal_strength_dbm,
      firmware_version: z.string().nullable(),
      device_state: z.string().nullable(),
      pending_recordings: count.nullable(),
      flags: count.nullable(),
      connection_type: z.array(connectionTypeSchema).nullable(),
    })
    .meta({ id: 'Heartbeat' }),
)

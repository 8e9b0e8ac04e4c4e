import { z } from 'zod'
import { type HttpErrorCode, httpErrors } from './errors.ts'
import {
  apiKeyId,
  bindingId,
  count,
  deviceId,
  endUserId,
  instant,
  projectId,
} from './events/shapes.ts'
import { metadataSchema } from './metadata.ts'
import { connectionTypeSchema } from './payloads.ts'
import { scopes } from './scopes.ts'
import { deviceSettingsSchema } from './settings.ts'

/** Bodies of the HTTP API as they are sent. A reply may gain members; what stands here stays. */

const health = {
  battery_percent: z.int().nullable(),
  storage_used_mb: z.int().nullable(),
  storage_total_mb: z.int().nullable(),
  signal_strength_dbm: z.int().nullable(),
  last_heartbeat_at: instant.nullable(),
  /** The last values reported; `null` on a device that never reported one of them. */
  recording_state: z
    .object({
      device_state: z.string().nullable(),
      pending_recordings: count.nullable(),
      flags: count.nullable(),
      connection_type: z.array(connectionTypeSchema).nullable(),
    })
    .nullable(),
}

const presence = {
  /** An open session, or a heartbeat over HTTP that is recent enough (decision 21). */
  online: z.boolean(),
  last_seen_at: instant.nullable(),
  /** Since when the open session is open; `null` without one. */
  session_since: instant.nullable(),
  /** Why the last session opened or ended; `null` where there never was one. */
  session_reason: z.string().nullable(),
}

const deviceMembers = {
  id: deviceId,
  project_id: projectId,
  serial_number: z.string().nullable(),
  model: z.string(),
  name: z.string().nullable(),
  firmware_version: z.string().nullable(),
  status: z.enum(['unbound', 'bound', 'retired']),
  /** The how-manieth device registered with this serial number, from 1. */
  generation: z.int().min(1),
  end_user_id: endUserId.nullable(),
  /** Since when the present binding holds. */
  bound_at: instant.nullable(),
  metadata: metadataSchema,
  created_at: instant,
  updated_at: instant,
}

/** A device as in a list (HTTP contract, 1.4). Health members are always there, `null` while unknown (decision 1). */
export const deviceReply = z
  .object({ ...deviceMembers, ...health, ...presence })
  .meta({ id: 'Device' })
export type DeviceReply = z.infer<typeof deviceReply>

/** GET and PATCH of one device: with the settings in force. */
export const deviceWithSettingsReply = deviceReply
  .extend({
    settings: deviceSettingsSchema,
    settings_version: count,
  })
  .meta({ id: 'DeviceWithSettings' })
export type DeviceWithSettingsReply = z.infer<typeof deviceWithSettingsReply>

/** The secret, once; a replay of the request says that it is no longer to be had (decision 18). */
const tokenOnce = {
  device_token: z.string().optional(),
  secret_available: z.literal(false).optional(),
}

/** POST …/bind */
export const bindReply = deviceReply.extend(tokenOnce)
export type BindReply = z.infer<typeof bindReply>

/** POST …/token/refresh */
export const refreshReply = z.object(tokenOnce)
export type RefreshReply = z.infer<typeof refreshReply>

/** POST …/heartbeat: exactly `{"status":"ok"}` when nothing is waiting (decision 11). */
export const heartbeatReply = z.object({
  status: z.literal('ok'),
  commands: z.array(z.unknown()).optional(),
  settings: z.object({ version: count, settings: deviceSettingsSchema }).optional(),
  token_refresh_before: instant.optional(),
})
export type HeartbeatReply = z.infer<typeof heartbeatReply>

/** GET …/state (section 2.2) */
export const deviceStateReply = z
  .object({
    device_id: deviceId,
    online: z.boolean(),
    recording: z.object({
      active: z.boolean(),
      recording_id: z.string().optional(),
      started_at: instant.optional(),
      initiated_by: z.enum(['local', 'remote']).nullable(),
    }),
    battery_percent: health.battery_percent,
    storage_used_mb: health.storage_used_mb,
    storage_total_mb: health.storage_total_mb,
    last_heartbeat_at: health.last_heartbeat_at,
  })
  .meta({ id: 'DeviceState' })
export type DeviceStateReply = z.infer<typeof deviceStateReply>

/** An end user (1.3). After erasure all that a person wrote is `null`. */
export const endUserReply = z
  .object({
    id: endUserId,
    project_id: projectId,
    external_id: z.string().nullable(),
    email: z.string().nullable(),
    name: z.string().nullable(),
    metadata: metadataSchema,
    created_at: instant,
    updated_at: instant,
  })
  .meta({ id: 'EndUser' })
export type EndUserReply = z.infer<typeof endUserReply>

/** A page of a list, newest first (decision 19). `next_cursor` is `null` on the last page. */
export const listReply = <Row extends z.ZodType>(row: Row) =>
  z.object({ data: z.array(row), has_more: z.boolean(), next_cursor: z.string().nullable() })

export const deviceListReply = listReply(deviceReply)
export type DeviceListReply = z.infer<typeof deviceListReply>
export const endUserListReply = listReply(endUserReply)
export type EndUserListReply = z.infer<typeof endUserListReply>

/** An event of a device's history (decision 26): HMACs and salts left out, sealed members opened for who may read them. */
export const historyEntryReply = z
  .object({
    id: z.uuid(),
    type: z.string(),
    revision: count,
    /** Decimal commit position. */
    position: z.string().regex(/^\d+$/),
    at: instant,
    actor: z.string(),
    request_id: z.string().nullable(),
    data: z.record(z.string(), z.unknown()),
  })
  .meta({ id: 'HistoryEntry' })
export type HistoryEntryReply = z.infer<typeof historyEntryReply>

export const historyReply = listReply(historyEntryReply)
export type HistoryReply = z.infer<typeof historyReply>

/** GET …/history?at= or ?revision=: the device as it was; its health is not part of its history and is `null`. */
export const historyAtReply = z.object({
  revision: z.int().min(-1),
  at: instant.nullable(),
  device: deviceWithSettingsReply.nullable(),
})
export type HistoryAtReply = z.infer<typeof historyAtReply>

/** GET …/owner?at=&known_at= (decision 26): the interval is half-open. */
export const ownerReply = z
  .object({
    device_id: deviceId,
    end_user_id: endUserId.nullable(),
    binding_id: bindingId.nullable(),
    since: instant.nullable(),
    until: instant.nullable(),
    at: instant,
    known_at: instant,
    revision: z.int().min(-1),
  })
  .meta({ id: 'Owner' })
export type OwnerReply = z.infer<typeof ownerReply>

/** An API key as an operator sees it (decision 17); `key` is the whole secret, in the reply that made it alone. */
export const apiKeyReply = z
  .object({
    id: apiKeyId,
    kind: z.enum(['secret', 'restricted']),
    mode: z.enum(['live', 'test']),
    project_id: projectId,
    status: z.enum(['active', 'revoked']),
    name: z.string().nullable(),
    scopes: z.array(z.enum(scopes)),
    hint: z.string(),
    last_used_at: instant.nullable(),
    created_at: instant,
    key: z.string().optional(),
    secret_available: z.literal(false).optional(),
  })
  .meta({ id: 'ApiKey' })
export type ApiKeyReply = z.infer<typeof apiKeyReply>

/** A project: its two worlds and its name. */
export const projectReply = z
  .object({
    id_live: projectId,
    id_test: projectId,
    name: z.string().nullable(),
    created_at: instant,
  })
  .meta({ id: 'Project' })
export type ProjectReply = z.infer<typeof projectReply>

export const apiKeyListReply = listReply(apiKeyReply)
export const projectListReply = listReply(projectReply)

/** GET /health/live */
export const liveReply = z.object({ status: z.literal('live') })

/** GET /health/ready (operating contract, "Health"). */
export const readyReply = z.object({
  status: z.enum(['ready', 'not_ready']),
  node: z.string(),
  version: z.string(),
  checks: z.record(
    z.string(),
    z.object({
      status: z.enum(['ok', 'failing']),
      detail: z.string().optional(),
      lag_ms: z.number().optional(),
      lease_ms: z.number().optional(),
    }),
  ),
})

/** POST /internal/rebuild */
export const rebuiltReply = z.object({
  data: z.array(
    z.object({
      projection: z.string(),
      events: count,
      seconds: z.number(),
      fingerprint: z.string(),
      equal: z.boolean(),
    }),
  ),
})

const errorCode = z.enum(Object.keys(httpErrors) as HttpErrorCode[])

const errorMembers = {
  code: errorCode,
  message: z.string(),
  /** The parameter that the refusal is about. */
  param: z.string().optional(),
  details: z.array(z.object({ field: z.string(), reason: z.string() })).optional(),
  request_id: z.string(),
}

/** Every answer from 400 up (decision 2). */
export const errorReply = z.object({ error: z.object(errorMembers) }).meta({ id: 'Error' })
export type ErrorReply = z.infer<typeof errorReply>

/** The same as problem details (RFC 9457), for who accepts `application/problem+json`. */
export const problemReply = z
  .object({
    type: z.string(),
    title: z.string(),
    status: z.int(),
    detail: z.string().optional(),
    ...errorMembers,
  })
  .meta({ id: 'Problem' })
export type ProblemReply = z.infer<typeof problemReply>

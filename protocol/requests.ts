import { z } from 'zod'
import {
  emailCharsMax,
  externalIdCharsMax,
  faultFieldCharsMax,
  faultsMax,
  firmwareVersionCharsMax,
  idempotencyKeyCharsMax,
  keyOverlapSecondsDefault,
  keyOverlapSecondsMax,
  metadataFiltersMax,
  metadataKeyCharsMax,
  metadataValueCharsMax,
  modelCharsMax,
  nameCharsMax,
  pageOffsetRowsMax,
  pageRowsDefault,
  pageRowsMax,
  serialNumberCharsMax,
  soughtCharsMax,
} from './limits.ts'
import { metadataSchema } from './metadata.ts'
import { heartbeatSchema, uplinkSchema } from './payloads.ts'
import { scopes } from './scopes.ts'
import { deviceSettingsSchema } from './settings.ts'
import { line, printable, text, whole } from './text.ts'

/** Bodies and queries of the HTTP API. Members that a body does not know are ignored; a wrong value of a known one is a fault. */

const slug = z
  .string()
  .max(modelCharsMax)
  .regex(/^[a-z0-9][a-z0-9._-]*$/, 'must be lower-case letters, digits, ".", "_" and "-"')

// Plausible, not proven: only a message that arrives proves an address.
const email = z
  .string()
  .max(emailCharsMax)
  .regex(/^[^\s@\p{C}]+@[^\s@.\p{C}]+(\.[^\s@.\p{C}]+)+$/u, 'must be an e-mail address')

/** POST /end-users */
export const createEndUserBody = z.object({
  external_id: line(externalIdCharsMax).optional(),
  email: email.optional(),
  name: line(nameCharsMax).optional(),
  metadata: metadataSchema.optional(),
})
export type CreateEndUserBody = z.infer<typeof createEndUserBody>

/** PATCH /end-users/{id}: what is sent replaces what was, `null` takes it away. */
export const updateEndUserBody = z.object({
  external_id: line(externalIdCharsMax).nullable().optional(),
  email: email.nullable().optional(),
  name: line(nameCharsMax).nullable().optional(),
  metadata: metadataSchema.optional(),
})
export type UpdateEndUserBody = z.infer<typeof updateEndUserBody>

// The first edition of the API said `device_type`.
const modelFromAlias = (body: unknown): unknown =>
  typeof body === 'object' && body !== null && !('model' in body) && 'device_type' in body
    ? { ...body, model: body.device_type }
    : body

/** POST /devices */
export const createDeviceBody = z.preprocess(
  modelFromAlias,
  z.object({
    serial_number: printable(serialNumberCharsMax),
    model: slug,
    firmware_version: line(firmwareVersionCharsMax).optional(),
    name: line(nameCharsMax).optional(),
    metadata: metadataSchema.optional(),
  }),
)
export type CreateDeviceBody = z.infer<typeof createDeviceBody>

/** PATCH /devices/{id}: what is sent replaces what was; `settings` alone are merged deeply. */
export const updateDeviceBody = z.object({
  firmware_version: line(firmwareVersionCharsMax).optional(),
  name: line(nameCharsMax).optional(),
  metadata: metadataSchema.optional(),
  settings: deviceSettingsSchema.optional(),
})
export type UpdateDeviceBody = z.infer<typeof updateDeviceBody>

// The first edition's examples show the settings by themselves, its replies show them under `settings`.
const settingsThemselves = (body: unknown): unknown =>
  typeof body === 'object' && body !== null && Object.keys(body).join() === 'settings'
    ? Object(body).settings
    : body

/** PUT and PATCH /devices/{id}/settings: the settings themselves, or under `settings`. */
export const deviceSettingsBody = z.preprocess(settingsThemselves, deviceSettingsSchema)

/** POST /devices/{id}/bind. An id of another form is no fault of the body: it names nobody, and is answered with 404. */
export const bindBody = z.object({ end_user_id: z.string() })
export type BindBody = z.infer<typeof bindBody>

/** POST /devices/{id}/heartbeat: HTTP contract, section 3.4, and what identifies an uplink message. */
export const heartbeatBody = z.object({ ...heartbeatSchema.shape, ...uplinkSchema.shape })
export type HeartbeatBody = z.infer<typeof heartbeatBody>

const keyName = line(nameCharsMax).optional()

/** POST …/api-keys. With `scopes` the key is restricted to them, without it holds all. `mode` chooses the world where the caller stands in none. */
export const createKeyBody = z.object({
  mode: z.enum(['live', 'test']).optional(),
  name: keyName,
  scopes: z
    .array(z.enum(scopes))
    .min(1)
    .max(scopes.length)
    .refine((list) => new Set(list).size === list.length, 'names a scope twice')
    .optional(),
})
export type CreateKeyBody = z.infer<typeof createKeyBody>

/** POST …/api-keys/{id}/rotate: how long the old secret works on. */
export const rotateKeyBody = z.object({
  overlap_seconds: whole(0, keyOverlapSecondsMax).default(keyOverlapSecondsDefault),
})
export type RotateKeyBody = z.infer<typeof rotateKeyBody>

/** POST …/rebuild: which read models; all when left out. */
export const rebuildBody = z.object({ names: z.array(line(nameCharsMax)).max(100).optional() })

/** POST …/projects: makes both worlds. */
export const createProjectBody = z.object({ name: line(nameCharsMax) })
export type CreateProjectBody = z.infer<typeof createProjectBody>

const decimal = z
  .string()
  .regex(/^\d{1,15}$/, 'must be a whole number')
  .transform(Number)

/** The query of a list (HTTP contract, decision 19). */
export const pageQuery = z.object({
  limit: decimal.pipe(z.int().min(1).max(pageRowsMax)).default(pageRowsDefault),
  offset: decimal.pipe(z.int().max(pageOffsetRowsMax)).optional(),
  cursor: z.string().optional(),
})
export type PageQuery = z.infer<typeof pageQuery>

const order = z.enum(['asc', 'desc']).default('desc')
const time = z.iso.datetime({ offset: true, error: 'must be an RFC 3339 time' })

const metadataFilter = z
  .record(line(metadataKeyCharsMax), text(metadataValueCharsMax))
  .refine((filter) => Object.keys(filter).length <= metadataFiltersMax, {
    error: `names more than ${metadataFiltersMax} members`,
  })
  .meta({
    description:
      'Members of the metadata, as `metadata[site]=Zurich`; a value finds that very string, and the number or boolean that it writes.',
  })

/** What every list of resources may be asked for: a page, its order, a half-open range of creation, and metadata. */
export const listQuery = pageQuery.extend({
  order,
  created_from: time.optional(),
  created_to: time.optional(),
  metadata: metadataFilter.optional(),
})
export type ListQuery = z.infer<typeof listQuery>

/** A value to look for. One that nothing can have finds nothing: it is no fault, but for what Postgres cannot be asked. */
export const sought = text(soughtCharsMax)

/** GET /devices */
export const listDevicesQuery = listQuery.extend({
  status: z.enum(['unbound', 'bound', 'retired']).optional(),
  end_user_id: sought.optional(),
  model: sought.optional(),
  serial_number: sought.optional(),
  online: z
    .enum(['true', 'false'])
    .transform((value) => value === 'true')
    .pipe(z.boolean())
    .optional(),
})
export type ListDevicesQuery = z.infer<typeof listDevicesQuery>

/** GET /end-users: `external_id` finds none or one. */
export const listEndUsersQuery = listQuery.extend({
  external_id: createEndUserBody.shape.external_id,
  email: sought.optional(),
})
export type ListEndUsersQuery = z.infer<typeof listEndUsersQuery>

/** GET /end-users/{id}/devices: at that time, now where nothing is said. */
export const ownedDevicesQuery = pageQuery.omit({ offset: true }).extend({ at: time.optional() })

/** GET /devices/{id}/owner: who owned it at `at`, as far as was known by `known_at`; both are now where nothing is said. */
export const ownerQuery = z.object({ at: time.optional(), known_at: time.optional() })

/** GET /devices/{id}/heartbeats: received within the half-open range. */
export const heartbeatsQuery = pageQuery
  .omit({ offset: true })
  .extend({ order, from: time.optional(), to: time.optional() })

/** GET /devices/{id}/history: a page of events, or with `at` or `revision` the device as it was then. */
export const historyQuery = pageQuery.omit({ offset: true }).extend({
  order,
  at: time.optional(),
  revision: decimal.pipe(z.int().min(0)).optional(),
})
export type HistoryQuery = z.infer<typeof historyQuery>

const idempotencyKeyForm = new RegExp(`^[A-Za-z0-9_-]{1,${idempotencyKeyCharsMax}}$`)

/** The value of an `Idempotency-Key` header, or `undefined` for any other form (HTTP contract, section 2.12). */
export const parseIdempotencyKey = (value: unknown): string | undefined =>
  typeof value === 'string' && idempotencyKeyForm.test(value) ? value : undefined

/** What is wrong with one member: its path (`settings.power.auto_sleep_minutes`, `chunks.0.bytes`, `body` for the whole) and why. */
export type Fault = { readonly field: string; readonly reason: string }

type Issue = z.core.$ZodIssue

const fieldOf = (path: readonly PropertyKey[]): string =>
  (path.length === 0 ? 'body' : path.map(String).join('.')).slice(0, faultFieldCharsMax)

const unitOf: Readonly<Record<string, string>> = { string: ' characters', array: ' entries' }

const kindOf: Readonly<Record<string, string>> = {
  string: 'a string',
  number: 'a number',
  int: 'a whole number',
  boolean: 'true or false',
  object: 'an object',
  record: 'an object',
  array: 'a list',
}

/** zod's own words for the commonest faults, put as all others are: what the value must be. */
const plainReason = (issue: Issue): string => {
  switch (issue.code) {
    case 'too_big':
      return `must be at most ${issue.maximum}${unitOf[issue.origin] ?? ''}`
    case 'too_small':
      if (issue.minimum === 1 && issue.origin in unitOf) return 'must not be empty'
      return `must be at least ${issue.minimum}${unitOf[issue.origin] ?? ''}`
    case 'invalid_value':
      return `must be one of ${issue.values.map((value) => JSON.stringify(value)).join(', ')}`
    case 'invalid_type':
      return `must be ${kindOf[issue.expected] ?? issue.expected}`
    default:
      return issue.message.replace(/^Invalid (input|string): /, '')
  }
}

const reasonOf = (issue: Issue): string => {
  if (issue.code === 'invalid_type' && issue.message.endsWith('received undefined'))
    return 'is required'
  return /^(Invalid|Too (small|big))/.test(issue.message) ? plainReason(issue) : issue.message
}

const faultsIn = (issue: Issue): readonly Fault[] => {
  if (issue.code === 'unrecognized_keys')
    return issue.keys
      .slice(0, faultsMax)
      .map((key) => ({ field: fieldOf([...issue.path, key]), reason: 'is not known' }))
  if (issue.code === 'invalid_key')
    return issue.issues.map((inner) => ({ field: fieldOf(issue.path), reason: reasonOf(inner) }))
  return [{ field: fieldOf(issue.path), reason: reasonOf(issue) }]
}

/** Every fault that a schema found, at most `faultsMax`. Reasons hold nothing of what was sent. */
export const faultsOf = (error: z.ZodError): readonly Fault[] =>
  error.issues.slice(0, faultsMax).flatMap(faultsIn).slice(0, faultsMax)

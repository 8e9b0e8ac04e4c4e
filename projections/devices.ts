import { CompiledQuery, type Kysely } from 'kysely'
import type { LogEvent } from './log-event.ts'
import { type CommonFilter, metadataOf, type Page } from './page.ts'
import { born, ids, none, projection, textIn, textOr } from './projection.ts'
import type { DeviceHealthRow, DeviceRow, Metadata, Tables } from './tables.ts'

type DeviceLogEvent = LogEvent & { kind: 'device' }

const registered = (
  { event, opened, at, project }: DeviceLogEvent,
  id: string,
): DeviceRow | undefined =>
  event.type !== 'DeviceRegistered'
    ? undefined
    : {
        id,
        project_id: project ?? '',
        serial_number: textIn(opened, 'serial_number'),
        model: event.data.model,
        generation: event.data.generation,
        name: textIn(opened, 'name'),
        firmware_version: textIn(opened, 'firmware_version'),
        status: 'unbound',
        end_user_id: null,
        binding_id: null,
        bound_at: null,
        metadata: (opened?.['metadata'] as Metadata | undefined) ?? {},
        settings: {},
        settings_version: 0,
        created_at: at,
        updated_at: at,
        revision: '0',
      }

/** `undefined`: the event says nothing about the device's record. */
const changed = (
  row: DeviceRow,
  { event, opened, at }: DeviceLogEvent,
): Partial<DeviceRow> | undefined => {
  switch (event.type) {
    case 'DeviceRegistered':
      return {}
    case 'DeviceUpdated':
      return {
        name: textOr(opened, 'name', row.name),
        firmware_version: textOr(opened, 'firmware_version', row.firmware_version),
        metadata: (opened?.['metadata'] as Metadata | undefined) ?? row.metadata,
        settings: event.data.settings ?? row.settings,
        settings_version: event.data.settings_version ?? row.settings_version,
      }
    case 'DeviceBound':
      return {
        status: 'bound',
        end_user_id: event.data.end_user_id,
        binding_id: event.data.binding_id,
        bound_at: at,
      }
    case 'DeviceUnbound':
      return { status: 'unbound', end_user_id: null, binding_id: null, bound_at: null }
    case 'DeviceRetired':
      return { status: 'retired' }
    case 'DeviceTokenIssued':
    case 'DeviceTokenRefreshed':
    case 'DeviceTokenConfirmed':
    case 'DeviceTokenRevoked':
    case 'TokenReuseDetected':
    case 'CloneSuspected':
      return undefined
  }
}

export const devices = projection<DeviceRow>({
  name: 'devices',
  version: 1,
  key: 'id',
  columns: [
    'id',
    'project_id',
    'serial_number',
    'model',
    'generation',
    'name',
    'firmware_version',
    'status',
    'end_user_id',
    'binding_id',
    'bound_at',
    'metadata',
    'settings',
    'settings_version',
    'created_at',
    'updated_at',
    'revision',
  ],
  touches: (event) => {
    if (event.kind !== 'device') return none
    return event.event.type === 'DeviceRegistered' ? born(event.subject) : ids(event.subject)
  },
  fold: (row, event, id) => {
    if (event.kind !== 'device') return row
    const base = registered(event, id) ?? row
    if (!base) return undefined
    const change = changed(base, event)
    const at = change ? { updated_at: event.at } : {}
    return { ...base, ...change, ...at, revision: String(event.revision) }
  },
  counts: {
    devices: ({ status }) => status !== 'retired',
    bound: ({ status }) => status === 'bound',
  },
})

/** What lists show of a device's record. */
const listed = [
  'id',
  'project_id',
  'serial_number',
  'model',
  'name',
  'firmware_version',
  'status',
  'generation',
  'end_user_id',
  'bound_at',
  'metadata',
  'created_at',
  'updated_at',
] as const satisfies readonly (keyof DeviceRow)[]

/** And beside it what the device alone shows. */
const alone = [
  'settings',
  'settings_version',
  'revision',
] as const satisfies readonly (keyof DeviceRow)[]

const shownHealth = [
  'battery_percent',
  'storage_used_mb',
  'storage_total_mb',
  'signal_strength_dbm',
  'firmware_version',
  'device_name',
  'device_state',
  'pending_recordings',
  'flags',
  'connection_type',
  'last_heartbeat_at',
  'last_seen_at',
  'last_seen_via',
  'session_id',
  'session_since',
  'presence_reason',
] as const satisfies readonly (keyof DeviceHealthRow)[]
type ShownHealth = (typeof shownHealth)[number]

/** A device of a list with its last known health: `null` was never reported. */
export type ListedDevice = Pick<DeviceRow, (typeof listed)[number]> & {
  readonly [Column in ShownHealth as `health_${Column}`]: DeviceHealthRow[Column] | null
}

/** A device with its settings. */
export type DeviceView = ListedDevice & Pick<DeviceRow, (typeof alone)[number]>

// No column more than is shown: each costs its bytes, its parsing and its place in every row.
const columnsOf = (record: readonly string[]): string =>
  [
    ...record.map((column) => `d.${column}`),
    ...shownHealth.map((column) => `h.${column} as health_${column}`),
  ].join(', ')

// Lateral and limited: Postgres may not come to join by the project, which costs the whole fleet a row while it has no statistics.
const healthJoined = `left join lateral (select ${shownHealth.join(', ')}
  from live.device_health where device_id = d.id limit 1) h on true`

const listedColumns = columnsOf(listed)

const deviceById = `select ${columnsOf([...listed, ...alone])} from live.devices d ${healthJoined}
  where d.id = $1 and d.project_id is not distinct from $2`

export const readDevice = async (
  db: Kysely<Tables>,
  project: string,
  id: string,
): Promise<DeviceView | undefined> => {
  const { rows } = await db.executeQuery<DeviceView>(CompiledQuery.raw(deviceById, [id, project]))
  return rows[0]
}

export type DeviceFilter = CommonFilter & {
  readonly status?: DeviceRow['status']
  readonly endUserId?: string
  readonly model?: string
  readonly serialNumber?: string
  /** `since`: a heartbeat over HTTP since then counts as online. */
  readonly online?: { readonly is: boolean; readonly since: string }
}

/** A text that grows with what is asked for, and the values that it speaks of: composing it costs a tenth of compiling a tree. */
type Text = { readonly values: unknown[]; readonly value: (value: unknown) => string }

const newText = (): Text => {
  const values: unknown[] = []
  return { values, value: (value) => `$${values.push(value)}` }
}

// Written as the index on them is.
const isOnline = ({ value }: Text, { is, since }: NonNullable<DeviceFilter['online']>): string =>
  `${is ? '' : 'not '}exists (select 1 from live.device_health h
    where h.device_id = devices.id and h.project_id = devices.project_id
      and (h.session_id is not null or h.last_seen_via = 'http')
      and (h.session_id is not null or h.last_heartbeat_at >= ${value(since)}))`

const holding = ({ value }: Text, key: string, text: string): string => {
  const found = metadataOf(key, text).map((object) => `metadata @> ${value(object)}::jsonb`)
  return `(${found.join(' or ')})`
}

const conditionsOf = (text: Text, filter: DeviceFilter): readonly string[] => {
  const { value } = text
  const { status, endUserId, model, serialNumber, online, createdFrom, createdTo } = filter
  return [
    status === undefined ? `status <> 'retired'` : `status = ${value(status)}`,
    ...(endUserId === undefined ? [] : [`end_user_id = ${value(endUserId)}`]),
    ...(model === undefined ? [] : [`model = ${value(model)}`]),
    ...(serialNumber === undefined ? [] : [`serial_number = ${value(serialNumber)}`]),
    ...(online === undefined ? [] : [isOnline(text, online)]),
    ...(createdFrom === undefined ? [] : [`created_at >= ${value(createdFrom)}`]),
    ...(createdTo === undefined ? [] : [`created_at < ${value(createdTo)}`]),
    ...Object.entries(filter.metadata ?? {}).map(([key, held]) => holding(text, key, held)),
  ]
}

type Asked = Page & { readonly filter?: DeviceFilter }

const pageOf = (project: string, { filter = {}, after, limit, offset, order = 'desc' }: Asked) => {
  const text = newText()
  const { value, values } = text
  const own = `project_id = ${value(project)}`
  const beyond = order === 'asc' ? '>' : '<'
  const conditions = [
    own,
    ...conditionsOf(text, filter),
    ...(after
      ? [`(created_at, id) ${beyond} (${value(after.createdAt)}, ${value(after.id)})`]
      : []),
  ]
  const found = `select * from live.devices where ${conditions.join(' and ')}
    order by created_at ${order}, id ${order}
    limit ${value(limit)}${offset === undefined ? '' : ` offset ${value(offset)}`}`
  const query = `select ${listedColumns} from (${found}) d ${healthJoined}
    order by d.created_at ${order}, d.id ${order}`
  return CompiledQuery.raw(query, values)
}

/** Newest first where nothing is said; retired devices are listed only where that is asked for. */
export const listDevices = async (
  db: Kysely<Tables>,
  project: string,
  asked: Asked,
): Promise<ListedDevice[]> => {
  const { rows } = await db.executeQuery<ListedDevice>(pageOf(project, asked))
  return rows
}

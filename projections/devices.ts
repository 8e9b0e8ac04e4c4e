import { type Kysely, sql } from 'kysely'
import { effectiveSettings } from '../protocol/settings.ts'
import type { LogEvent } from './log-event.ts'
import { type Page, paged } from './page.ts'
import { ids, none, projection, textIn, textOr } from './projection.ts'
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
  touches: (event) => (event.kind === 'device' ? ids(event.subject) : none),
  fold: (row, event, id) => {
    if (event.kind !== 'device') return row
    const base = registered(event, id) ?? row
    if (!base) return undefined
    const change = changed(base, event)
    const at = change ? { updated_at: event.at } : {}
    return { ...base, ...change, ...at, revision: String(event.revision) }
  },
})

/** A device with its last known health; `null` health members were never reported. */
export type DeviceView = DeviceRow & {
  readonly health: DeviceHealthRow | null
}

export const readDevice = async (
  db: Kysely<Tables>,
  project: string,
  id: string,
): Promise<DeviceView | undefined> => {
  const { rows } = await sql<DeviceView>`
    select d.*, to_jsonb(h) as health from live.devices d left join live.device_health h on h.device_id = d.id
    where d.id = ${id} and d.project_id = ${project}`.execute(db)
  return rows[0]
}

/** Newest first; retired devices are not listed. */
export const listDevices = (
  db: Kysely<Tables>,
  project: string,
  page: Page & { readonly endUserId?: string },
): Promise<DeviceView[]> => {
  const listed = db
    .with('listed', (cte) => {
      let query = cte
        .selectFrom('live.devices')
        .selectAll()
        .where('project_id', '=', project)
        .where('status', '!=', 'retired')
      if (page.endUserId !== undefined) query = query.where('end_user_id', '=', page.endUserId)
      return paged(query, page)
    })
    .selectFrom('listed as d')
    .leftJoin('live.device_health as h', 'h.device_id', 'd.id')
    .selectAll('d')
    .select(sql<DeviceHealthRow | null>`to_jsonb(h)`.as('health'))
    .orderBy('d.created_at', 'desc')
    .orderBy('d.id', 'desc')
  return listed.execute()
}

export const settingsOf = (row: DeviceRow) => effectiveSettings(row.settings)

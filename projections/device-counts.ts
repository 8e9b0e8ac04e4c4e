import { type Kysely, sql } from 'kysely'
import { deviceHealth } from './device-health.ts'
import { devices } from './devices.ts'
import type { Int8, Tables } from './tables.ts'

/** Of a project's devices that are not retired. */
export type DeviceCounts = Readonly<
  Record<'devices' | 'bound' | 'online' | 'low_battery' | 'storage_full', number>
>

/**
 * What was counted as the rows were written, and how many are online by a heartbeat over HTTP since then, which is a matter of time and
 * looked at row by row. All of one moment.
 */
export const countDevices = async (
  db: Kysely<Tables>,
  project: string,
  since: string,
): Promise<DeviceCounts> => {
  const { rows } = await sql<{ name: string; rows: Int8 }>`
    select name, rows from live.counts
    where project_id = ${project} and projection in (${sql.lit(devices.name)}, ${sql.lit(deviceHealth.name)})
    union all select 'heard', count(*) from live.device_health
    where project_id = ${project} and session_id is null and last_seen_via = 'http' and not retired and last_heartbeat_at >= ${since}`.execute(
    db,
  )
  const counted = new Map(rows.map((row) => [row.name, Number(row.rows)]))
  const of = (name: string): number => counted.get(name) ?? 0
  return {
    devices: of('devices'),
    bound: of('bound'),
    online: of('connected') + of('heard'),
    low_battery: of('low_battery'),
    storage_full: of('storage_full'),
  }
}

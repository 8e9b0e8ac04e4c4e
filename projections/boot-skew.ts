import { type Kysely, sql } from 'kysely'
import type { Tables } from './tables.ts'

/**
 * What the heartbeats of one boot showed of the device's clock: received − device time, in milliseconds, of the newest `limit` that
 * said it.
 */
export const readSkews = async (
  db: Kysely<Tables>,
  project: string,
  {
    device,
    boot,
    limit,
  }: { readonly device: string; readonly boot: string; readonly limit: number },
): Promise<readonly number[]> => {
  const { rows } = await sql<{ received_at: Date; device_at: string }>`
    select received_at, device_at from live.heartbeats
    where device_id = ${device} and project_id = ${project} and boot = ${boot} and seq is not null and device_at is not null
    order by seq desc limit ${limit}`.execute(db)
  return rows.map(({ received_at, device_at }) => received_at.getTime() - Date.parse(device_at))
}

import { type Kysely, sql } from 'kysely'
import type { LogEvent } from './log-event.ts'
import { born, ids, none, projection, type Touched } from './projection.ts'
import type { OwnershipRow, Tables } from './tables.ts'

const touched = (event: LogEvent): Touched => {
  if (event.kind !== 'device') return none
  const fact = event.event
  if (fact.type === 'DeviceBound') return born(fact.data.binding_id)
  return fact.type === 'DeviceUnbound' ? ids(fact.data.binding_id) : none
}

/** As it is folded and written: the database makes times of the texts. */
type WrittenRow = Omit<OwnershipRow, 'since' | 'until'> & {
  readonly since: string
  readonly until: string | null
}

/** Who owned a device when: half-open intervals, of which no two of one device overlap. */
export const ownership = projection<WrittenRow>({
  name: 'ownership',
  version: 1,
  key: 'binding_id',
  columns: ['binding_id', 'project_id', 'device_id', 'end_user_id', 'since', 'until'],
  touches: touched,
  fold: (row, event, id) => {
    if (event.kind !== 'device') return row
    const fact = event.event
    if (fact.type === 'DeviceBound')
      return {
        binding_id: id,
        project_id: event.project ?? '',
        device_id: event.subject,
        end_user_id: fact.data.end_user_id,
        since: event.at,
        until: null,
      }
    return fact.type === 'DeviceUnbound' && row ? { ...row, until: event.at } : row
  },
})

/** All owners of a device, oldest first. */
export const ownersOf = (
  db: Kysely<Tables>,
  project: string,
  deviceId: string,
): Promise<OwnershipRow[]> =>
  db
    .selectFrom('live.ownership')
    .selectAll()
    .where('project_id', '=', project)
    .where('device_id', '=', deviceId)
    .orderBy('since')
    .execute()

export type OwnedPage = {
  readonly endUserId: string
  readonly at: string
  readonly limit: number
  readonly after?: { readonly since: string; readonly bindingId: string }
}

/** What the end user owned at that time, the newest binding first. */
export const ownedAt = (
  db: Kysely<Tables>,
  project: string,
  { endUserId, at, limit, after }: OwnedPage,
): Promise<OwnershipRow[]> => {
  const time = (text: string) => sql<Date>`${text}::timestamptz(3)`
  const query = db
    .selectFrom('live.ownership')
    .selectAll()
    .where('project_id', '=', project)
    .where('end_user_id', '=', endUserId)
    .where('since', '<=', time(at))
    .where(({ eb, or }) => or([eb('until', 'is', null), eb('until', '>', time(at))]))
  const from = after
    ? query.where(sql<boolean>`(since, binding_id) < (${time(after.since)}, ${after.bindingId})`)
    : query
  return from.orderBy('since', 'desc').orderBy('binding_id', 'desc').limit(limit).execute()
}

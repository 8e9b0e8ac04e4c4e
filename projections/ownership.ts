import type { Kysely } from 'kysely'
import type { LogEvent } from './log-event.ts'
import { ids, none, projection, type Touched } from './projection.ts'
import type { OwnershipRow, Tables } from './tables.ts'

const touched = (event: LogEvent): Touched => {
  if (event.kind !== 'device') return none
  const fact = event.event
  return fact.type === 'DeviceBound' || fact.type === 'DeviceUnbound'
    ? ids(fact.data.binding_id)
    : none
}

/** Who owned a device when: half-open intervals, of which no two of one device overlap. */
/** As it is folded and written: the database makes times of the texts. */
type WrittenRow = Omit<OwnershipRow, 'since' | 'until'> & {
  readonly since: string
  readonly until: string | null
}

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

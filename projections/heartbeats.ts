import { type Kysely, sql } from 'kysely'
import type { Entry } from '../protocol/observations.ts'
import type { LogEvent } from './log-event.ts'
import type { Order } from './page.ts'
import type { HeartbeatRow, Tables } from './tables.ts'

/**
 * Heartbeats as they were received. Unlike the other read models its rows are made once and never change, so it is written by a follower of
 * its own, and no `Position` of another read counts it.
 */
export const heartbeats = { name: 'heartbeats', version: 1 } as const

/** As it is written: the database makes times of the texts. */
export type WrittenHeartbeat = Omit<HeartbeatRow, 'received_at' | 'seq' | 'position'> & {
  readonly received_at: string
  readonly position: string
  readonly seq: number | null
}

type Heartbeat = Extract<Entry, { k: 'heartbeat' }>

/** The greatest moment that ECMAScript has a date for. */
const lastMs = 8.64e15

const deviceTime = ({ at }: Heartbeat): string | null => {
  const ms = typeof at === 'string' ? Date.parse(at) : at
  return ms === undefined || !(Math.abs(ms) <= lastMs) ? null : new Date(ms).toISOString()
}

/** What a person may have named the device stays out: history outlives who wrote it. */
const reported = ({ data: { sealed: _, sealed_for: __, ...data } }: Heartbeat) => data

/** The rows that a commit makes. */
export const heartbeatsIn = (event: LogEvent): readonly WrittenHeartbeat[] =>
  event.kind !== 'observed'
    ? []
    : event.entries.flatMap(({ entry }, place) =>
        entry.k !== 'heartbeat'
          ? []
          : {
              device_id: entry.d,
              project_id: entry.p,
              received_at: entry.rx,
              position: String(event.position),
              entry: place,
              via: entry.via,
              boot: entry.boot === undefined ? null : String(entry.boot),
              seq: entry.seq ?? null,
              device_at: deviceTime(entry),
              data: reported(entry),
            },
      )

export type HeartbeatPlace = {
  readonly receivedAt: string
  readonly position: string
  readonly entry: number
}

type HeartbeatPage = {
  readonly from?: string | undefined
  readonly to?: string | undefined
  readonly order: Order
  readonly limit: number
  readonly after?: HeartbeatPlace | undefined
}

/** Of one device, in the order in which they were received. */
export const listHeartbeats = (
  db: Kysely<Tables>,
  { project, device }: { readonly project: string; readonly device: string },
  { from, to, order, limit, after }: HeartbeatPage,
): Promise<HeartbeatRow[]> => {
  let query = db
    .selectFrom('live.heartbeats')
    .selectAll()
    .where('device_id', '=', device)
    .where('project_id', '=', project)
  if (from !== undefined) query = query.where(sql<boolean>`received_at >= ${from}::timestamptz`)
  if (to !== undefined) query = query.where(sql<boolean>`received_at < ${to}::timestamptz`)
  if (after) {
    const bound = sql`${after.receivedAt}::timestamptz`
    const beyond = sql.raw(order === 'asc' ? '>' : '<')
    // The first alone would do; it lets Postgres leave out whole days.
    query = query
      .where(sql<boolean>`received_at ${beyond}= ${bound}`)
      .where(
        sql<boolean>`(received_at, position, entry) ${beyond} (${bound}, ${after.position}::bigint, ${after.entry}::integer)`,
      )
  }
  return query
    .orderBy('received_at', order)
    .orderBy('position', order)
    .orderBy('entry', order)
    .limit(limit)
    .execute()
}

import { type Kysely, sql } from 'kysely'
import type { Order } from './page.ts'
import type { HeartbeatRunRow, Int8, Tables } from './tables.ts'

/**
 * Heartbeats as they were received. Unlike the other read models its rows are made once and never change, so it is written by a follower of
 * its own, and no `Position` of another read counts it. A row holds a run: what a device sent within one batch.
 */
export const heartbeats = { name: 'heartbeats', version: 2 } as const

/** One heartbeat; `position` and `entry` are its place in the log. */
export type Heartbeat = {
  readonly position: Int8
  readonly entry: number
  /** RFC 3339. */
  readonly rx: string
  readonly via: 'mqtt' | 'http'
  readonly boot: string | number | null
  readonly seq: number | null
  /** The device's clock, as it said it. */
  readonly at: string | number | null
  readonly data: Readonly<Record<string, unknown>>
}

type Kept = readonly [
  position: Heartbeat['position'],
  entry: Heartbeat['entry'],
  rx: Heartbeat['rx'],
  via: Heartbeat['via'],
  boot: Heartbeat['boot'],
  seq: Heartbeat['seq'],
  at: Heartbeat['at'],
  data: Heartbeat['data'],
]

/** The place of a heartbeat, or of a run, in the log. */
export type HeartbeatPlace = Pick<Heartbeat, 'position' | 'entry'>

type HeartbeatPage = {
  readonly from?: string | undefined
  readonly to?: string | undefined
  readonly order: Order
  readonly limit: number
  readonly after?: HeartbeatPlace | undefined
}

type Of = { readonly project: string; readonly device: string }
type RunOf = Pick<HeartbeatRunRow, 'position' | 'entry' | 'beats'>

const dayOf = (time: string): string => `${time.slice(0, '2026-11-22'.length)}T00:00:00Z`

/** From which run on: where nothing is asked, the first of all. */
type Start = { readonly run: HeartbeatPlace } | { readonly beat: HeartbeatPlace | undefined }

const startOf = (device: string, start: Start, order: Order) => {
  if ('run' in start)
    return sql`(h.position, h.entry) ${sql.raw(order === 'asc' ? '>' : '<')} (${start.run.position}::bigint, ${start.run.entry}::integer)`
  if (!start.beat) return sql`true`
  const { position } = start.beat
  // Going up, the run that holds that place is the last that begins before it.
  return order === 'desc'
    ? sql`h.position <= ${position}::bigint`
    : sql`h.position >= (select coalesce(max(s.position), 0) from live.heartbeats s where s.device_id = ${device} and s.position <= ${position}::bigint)`
}

const readRuns = async (
  db: Kysely<Tables>,
  { project, device }: Of,
  { from, to, order, limit }: HeartbeatPage,
  start: Start,
): Promise<readonly RunOf[]> => {
  let query = db
    .selectFrom('live.heartbeats as h')
    .select(['h.position', 'h.entry', 'h.beats'])
    .where('h.device_id', '=', device)
    .where('h.project_id', '=', project)
    .where(startOf(device, start, order) as ReturnType<typeof sql<boolean>>)
  if (from !== undefined)
    // The first lets Postgres leave out whole days.
    query = query
      .where(sql<boolean>`h.received_at >= ${dayOf(from)}::timestamptz`)
      .where(sql<boolean>`h.received_until >= ${from}::timestamptz`)
  if (to !== undefined) query = query.where(sql<boolean>`h.received_at < ${to}::timestamptz`)
  return query.orderBy('h.position', order).orderBy('h.entry', order).limit(limit).execute()
}

const isBefore = (a: HeartbeatPlace, b: HeartbeatPlace): boolean => {
  const [one, other] = [BigInt(a.position), BigInt(b.position)]
  return one < other || (one === other && a.entry < b.entry)
}

const beatsOf = (json: string): readonly Heartbeat[] =>
  (JSON.parse(json) as readonly Kept[]).map(([position, entry, rx, via, boot, seq, at, data]) => ({
    ...{ position, entry, rx, via, boot, seq, at, data },
  }))

const isWithin = ({ from, to, after, order }: HeartbeatPage, beat: Heartbeat): boolean =>
  (from === undefined || beat.rx >= from) &&
  (to === undefined || beat.rx < to) &&
  (after === undefined || (order === 'asc' ? isBefore(after, beat) : isBefore(beat, after)))

/** Of one device, in the order of the log, which is that in which they were received. `unpacked` makes JSON of what a run holds. */
export const listHeartbeats = async (
  db: Kysely<Tables>,
  of: Of,
  page: HeartbeatPage,
  unpacked: (beats: Buffer) => string,
): Promise<readonly Heartbeat[]> => {
  const found: Heartbeat[] = []
  for (let start: Start = { beat: page.after }; ; ) {
    const runs = await readRuns(db, of, page, start)
    for (const run of runs) {
      const beats = beatsOf(unpacked(run.beats)).filter((beat) => isWithin(page, beat))
      found.push(...(page.order === 'asc' ? beats : beats.toReversed()))
      if (found.length >= page.limit) return found.slice(0, page.limit)
    }
    const last = runs.at(-1)
    if (!last || runs.length < page.limit) return found
    start = { run: last }
  }
}

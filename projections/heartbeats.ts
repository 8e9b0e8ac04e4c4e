import { type Kysely, sql } from 'kysely'
import { heartbeatsPerRunMax } from '../protocol/limits.ts'
import type { Entry } from '../protocol/observations.ts'
import type { HeartbeatNumbering, KeptNumbering } from './heartbeat-numbering.ts'
import type { Order } from './page.ts'
import type { Int8, Tables } from './tables.ts'

/**
 * Heartbeats as they were received. Unlike the other read models its rows are made once and never change, so it is written by a follower of
 * its own, and no `Position` of another read counts it. A row holds a run: what a device sent within one batch.
 */
export const heartbeats = { name: 'heartbeats', version: 2 } as const

/** One heartbeat; `position` and `entry` are its place in the log. */
export type Heartbeat = {
  readonly received_at: Date
  readonly position: Int8
  readonly entry: number
  readonly via: 'mqtt' | 'http'
  readonly boot: string | null
  readonly seq: Int8 | null
  readonly device_at: string | null
  readonly data: Readonly<Record<string, unknown>>
}

/** As it stands in a run. */
type Beat = Omit<Heartbeat, 'received_at' | 'seq'> & {
  readonly received_at: string
  readonly seq: number | null
}

/** A row as it is written. */
export type Run = {
  readonly device: string
  readonly project: string
  readonly position: string
  readonly entry: number
  receivedMs: number
  untilMs: number
  readonly beats: Beat[]
  numbering: KeptNumbering | null
}

export type HeartbeatEntry = Extract<Entry, { k: 'heartbeat' }>

/** With its place in the log, and when it was received (milliseconds). */
export type Placed = {
  readonly heartbeat: HeartbeatEntry
  readonly ms: number
  readonly position: string
  readonly entry: number
}

/** The greatest moment that ECMAScript has a date for. */
const lastMs = 8.64e15
const dayMs = 86_400_000

const deviceTime = ({ at }: HeartbeatEntry): string | null => {
  const ms = typeof at === 'string' ? Date.parse(at) : at
  return ms === undefined || !(Math.abs(ms) <= lastMs) ? null : new Date(ms).toISOString()
}

/** What a person may have named the device stays out: history outlives who wrote it. */
const reported = ({ data }: HeartbeatEntry) => {
  if (data.sealed === undefined) return data
  const { sealed: _, sealed_for: __, ...left } = data
  return left
}

const beatOf = ({ heartbeat, position, entry }: Placed): Beat => ({
  received_at: heartbeat.rx,
  position,
  entry,
  via: heartbeat.via,
  boot: heartbeat.boot === undefined ? null : String(heartbeat.boot),
  seq: heartbeat.seq ?? null,
  device_at: deviceTime(heartbeat),
  data: reported(heartbeat),
})

const isFull = ({ beats, receivedMs }: Run, ms: number): boolean =>
  beats.length >= heartbeatsPerRunMax || Math.floor(receivedMs / dayMs) !== Math.floor(ms / dayMs)

/** The runs of a batch, in the order of the log; what was met before is left out. */
export class Runs {
  readonly #numberingOf: (device: string) => HeartbeatNumbering
  readonly #met = new Map<string, HeartbeatNumbering>()
  readonly #open = new Map<string, Run>()
  readonly #all: Run[] = []

  constructor(numberingOf: (device: string) => HeartbeatNumbering) {
    this.#numberingOf = numberingOf
  }

  add(placed: Placed): void {
    const { heartbeat, ms } = placed
    const { d, boot, seq } = heartbeat
    const isNumbered = boot !== undefined && seq !== undefined
    if (isNumbered && this.#metOf(d).isRepeat(boot, seq, ms)) return
    const run = this.#runOf(placed)
    run.beats.push(beatOf(placed))
    run.receivedMs = Math.min(run.receivedMs, ms)
    run.untilMs = Math.max(run.untilMs, ms)
  }

  #metOf(device: string): HeartbeatNumbering {
    const known = this.#met.get(device) ?? this.#numberingOf(device)
    this.#met.set(device, known)
    return known
  }

  #runOf({ heartbeat: { d, p }, ms, position, entry }: Placed): Run {
    const open = this.#open.get(d)
    if (open && !isFull(open, ms)) return open
    const times = { receivedMs: ms, untilMs: ms }
    const run: Run = {
      device: d,
      project: p,
      position,
      entry,
      ...times,
      beats: [],
      numbering: null,
    }
    this.#open.set(d, run)
    this.#all.push(run)
    return run
  }

  /** The last run of each device says which numbers were met. */
  ended(): readonly Run[] {
    for (const [device, run] of this.#open) run.numbering = this.#met.get(device)?.value() ?? null
    return this.#all
  }
}

/** The place of a heartbeat in the log. */
export type HeartbeatPlace = { readonly position: string; readonly entry: number }

type HeartbeatPage = {
  readonly from?: string | undefined
  readonly to?: string | undefined
  readonly order: Order
  readonly limit: number
  readonly after?: HeartbeatPlace | undefined
}

const beatColumns = sql`b (received_at timestamptz, position bigint, entry integer, via text, boot text, seq bigint, device_at text, data jsonb)`

const dayOf = (time: string): string => `${time.slice(0, '2026-11-22'.length)}T00:00:00Z`

const ranges = ({ from, to }: HeartbeatPage) => [
  ...(from === undefined
    ? []
    : [
        // The first of the three lets Postgres leave out whole days, the second whole runs.
        sql`h.received_at >= ${dayOf(from)}::timestamptz and h.received_until >= ${from}::timestamptz and b.received_at >= ${from}::timestamptz`,
      ]),
  ...(to === undefined
    ? []
    : [sql`h.received_at < ${to}::timestamptz and b.received_at < ${to}::timestamptz`]),
]

const beyond = (device: string, { after, order }: HeartbeatPage) => {
  if (!after) return []
  const { position, entry } = after
  if (order === 'desc')
    return [
      sql`h.position <= ${position}::bigint and (b.position, b.entry) < (${position}::bigint, ${entry}::integer)`,
    ]
  // The run that holds that place is the last that begins before it.
  return [
    sql`h.position >= (select coalesce(max(s.position), 0) from live.heartbeats s where s.device_id = ${device} and s.position <= ${position}::bigint)
      and (b.position, b.entry) > (${position}::bigint, ${entry}::integer)`,
  ]
}

/** Of one device, in the order of the log, which is that in which they were received. */
export const listHeartbeats = async (
  db: Kysely<Tables>,
  { project, device }: { readonly project: string; readonly device: string },
  page: HeartbeatPage,
): Promise<Heartbeat[]> => {
  const conditions = [
    sql`h.device_id = ${device} and h.project_id = ${project}`,
    ...ranges(page),
    ...beyond(device, page),
  ]
  const order = sql.raw(page.order)
  const { rows } = await sql<Heartbeat>`
    select b.* from live.heartbeats h cross join lateral json_to_recordset(h.beats) as ${beatColumns}
    where ${sql.join(conditions, sql` and `)}
    order by h.position ${order}, h.entry ${order}, b.position ${order}, b.entry ${order} limit ${page.limit}`.execute(
    db,
  )
  return rows
}

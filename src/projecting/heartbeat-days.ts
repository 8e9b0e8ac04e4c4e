import type { PoolClient } from 'pg'
import { partitionLockMsMax } from '../../protocol/limits.ts'
import type { Log } from '../store/log.ts'

const dayMs = 86_400_000

const startOf = (ms: number): number => Math.floor(ms / dayMs) * dayMs
const textOf = (ms: number): string => new Date(ms).toISOString()
const partitionOf = (dayStart: number): string =>
  `heartbeats_${textOf(dayStart).slice(0, 10).replaceAll('-', '')}`

type HeartbeatDaysGiven = {
  readonly schema: string
  readonly log: Log
  /** How many days before today are kept. */
  readonly days: number
}

/** Partitions, one a UTC day. */
export class HeartbeatDays {
  readonly #client: PoolClient
  readonly #log: Log
  readonly #schema: string
  readonly #made = new Set<number>()
  readonly #days: number
  #droppedBefore = 0

  constructor(client: PoolClient, { schema, log, days }: HeartbeatDaysGiven) {
    this.#client = client
    this.#schema = schema
    this.#log = log
    this.#days = days
  }

  /** The start of the oldest day that is kept: `days` whole ones before today. */
  oldest(nowMs: number): number {
    return startOf(nowMs) - this.#days * dayMs
  }

  /** Makes the days of those times, and the one after each: who writes at midnight waits for nobody. */
  async make(times: readonly number[]): Promise<void> {
    const starts = new Set(times.map(startOf))
    for (const day of new Set([...starts].flatMap((start) => [start, start + dayMs]))) {
      if (this.#made.has(day)) continue
      await this.#client.query(
        `create table if not exists ${this.#schema}.${partitionOf(day)} partition of ${this.#schema}.heartbeats
         for values from ('${textOf(day)}') to ('${textOf(day + dayMs)}')`,
      )
      this.#made.add(day)
    }
  }

  /** Once a day what is too old; what a long read holds on to waits for the next time. */
  async drop(nowMs: number): Promise<void> {
    const oldest = this.oldest(nowMs)
    if (oldest <= this.#droppedBefore) return
    const { rows } = await this.#client.query<{ name: string }>(
      `select c.relname as name from pg_inherits i join pg_class c on c.oid = i.inhrelid
       where i.inhparent = '${this.#schema}.heartbeats'::regclass and c.relname < $1`,
      [partitionOf(oldest)],
    )
    try {
      await this.#client.query(`set lock_timeout = ${partitionLockMsMax}`)
      for (const { name } of rows) await this.#client.query(`drop table ${this.#schema}.${name}`)
      for (const day of this.#made) if (day < oldest) this.#made.delete(day)
      this.#droppedBefore = oldest
    } catch (err) {
      this.#log.warn({ err }, 'old heartbeats were not dropped yet')
    } finally {
      await this.#client.query('set lock_timeout = default')
    }
  }
}

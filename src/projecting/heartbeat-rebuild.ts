import { createHash } from 'node:crypto'
import type { PoolClient } from 'pg'
import type { Placed } from '../../projections/heartbeat-runs.ts'
import { heartbeats } from '../../projections/heartbeats.ts'
import { fingerprintRowsMax } from '../../protocol/limits.ts'
import { heartbeatRebuildEntriesMax, rebuildRoundsMax } from '../../protocol/limits-rebuild.ts'
import type { Log } from '../store/log.ts'
import { unpacked } from '../store/packed.ts'
import { ingestPrefixes } from '../store/streams.ts'
import { ahead } from './ahead.ts'
import { inTransaction } from './batch.ts'
import { HeartbeatDays } from './heartbeat-days.ts'
import { HeartbeatWriter } from './heartbeat-writer.ts'
import { createReadModels } from './migrate.ts'
import { heartbeatReading } from './placed-heartbeats.ts'
import {
  checkCheckpoints,
  type RebuildProgress,
  type RebuildWork,
  type Rebuilt,
} from './rebuild.ts'
import { batchesRead, type Taken } from './take-batch.ts'
import { takeTables } from './take-tables.ts'

export type HeartbeatRebuild = Omit<RebuildWork, 'vault'> & {
  readonly log: Log
  /** Milliseconds since 1970. */
  readonly now: () => number
  readonly days: number
}

const schema = 'rebuilt_heartbeats'

type Gathered = {
  readonly batch: readonly Placed[]
  readonly to: bigint
  readonly ended: boolean
}

/** Batches as large as may be: what a device sent within one is one run, and costs one row. */
async function* gathered(
  batches: AsyncIterable<Taken<readonly Placed[]>>,
  to: bigint,
): AsyncGenerator<Gathered> {
  let batch: Placed[] = []
  for await (const taken of batches) {
    batch = batch.concat(...taken.decoded)
    const ended = taken.caughtUp || (taken.to !== undefined && taken.to >= to)
    if (ended) yield { batch, to, ended }
    else if (batch.length < heartbeatRebuildEntriesMax || taken.to === undefined) continue
    else yield { batch, to: taken.to, ended }
    batch = []
  }
}

/** The history beside the live one, folded as far as that is. */
class Beside {
  readonly #work: HeartbeatRebuild
  readonly #days: HeartbeatDays
  readonly #writer: HeartbeatWriter
  readonly #startedMs: number
  /** What is older is kept by neither. */
  readonly oldestMs: number
  #reached: bigint | undefined
  #heartbeats = 0

  constructor(work: HeartbeatRebuild) {
    const { client, log, days, now, monotonic } = work
    this.#work = work
    this.#days = new HeartbeatDays(client, { schema, log, days })
    this.#writer = new HeartbeatWriter(client, schema)
    this.#startedMs = monotonic()
    this.oldestMs = this.#days.oldest(now())
  }

  get about() {
    const seconds = Math.round(this.#work.monotonic() - this.#startedMs) / 1_000
    return { events: this.#heartbeats, seconds }
  }

  /** Folds on, up to and with `to`, which the live table has reached. */
  async catchUp(to: bigint): Promise<void> {
    if (this.#reached !== undefined && this.#reached >= to) return
    const { store, signal } = this.#work
    const from = this.#reached ?? 'start'
    const subscription = store.subscribe({ prefixes: ingestPrefixes, from })
    const batches = batchesRead(subscription, heartbeatReading)
    const close = () => void subscription.close()
    signal.addEventListener('abort', close, { once: true })
    try {
      for await (const { batch, ended, to: taken } of ahead(gathered(batches, to))) {
        signal.throwIfAborted()
        await this.#write(batch, taken)
        if (ended) break
      }
    } finally {
      signal.removeEventListener('abort', close)
      await subscription.close()
    }
    // Who closed it broke off.
    signal.throwIfAborted()
    this.#reached = to
  }

  async #write(read: readonly Placed[], to: bigint): Promise<void> {
    const { client } = this.#work
    const batch = read.filter(({ ms, position }) => ms >= this.oldestMs && BigInt(position) <= to)
    await this.#days.make(batch.map(({ ms }) => ms))
    await inTransaction(client, 'begin', () => this.#writer.write(batch))
    this.#heartbeats += batch.length
    this.say('folding', to)
  }

  say(doing: RebuildProgress['doing'], position: bigint): void {
    const { onProgress, live } = this.#work
    onProgress({ ...this.about, doing, position, of: live() })
  }
}

type KeptRun = { readonly device_id: string; readonly project_id: string; readonly beats: Buffer }

/** SHA-256 over all heartbeats in the order of device and log, however they were cut into runs. In a transaction. */
const fingerprintOf = async (client: PoolClient, of: string, sinceMs: number): Promise<string> => {
  const hash = createHash('sha256')
  const cursor = `fingerprint_${of}`
  await client.query(
    `declare ${cursor} cursor for select device_id, project_id, beats from ${of}.heartbeats
     where received_at >= '${new Date(sinceMs).toISOString()}' order by device_id collate "C", position, entry`,
  )
  for (let device = ''; ; ) {
    const { rows } = await client.query<KeptRun>(`fetch ${fingerprintRowsMax} from ${cursor}`)
    for (const run of rows) {
      if (run.device_id !== device) hash.update(`\n${run.device_id} ${run.project_id}\n`)
      device = run.device_id
      hash.update(unpacked(run.beats).slice('['.length, -']'.length))
      hash.update(',')
    }
    if (rows.length < fingerprintRowsMax) break
  }
  await client.query(`close ${cursor}`)
  return hash.digest('hex')
}

const swap = ({ client, signal }: HeartbeatRebuild, at: bigint) =>
  inTransaction(client, 'begin', async () => {
    // Its partitions are locked with it.
    await takeTables(client, ['live.heartbeats'], signal)
    await checkCheckpoints(client, [heartbeats], at)
    const { rows } = await client.query<{ name: string }>(
      `select c.relname as name from pg_inherits i join pg_class c on c.oid = i.inhrelid
       where i.inhparent = '${schema}.heartbeats'::regclass`,
    )
    await client.query('drop table live.heartbeats')
    for (const name of ['heartbeats', ...rows.map((row) => row.name)])
      await client.query(`alter table ${schema}.${name} set schema live`)
    await client.query(`drop schema ${schema} cascade`)
  })

/** As `rebuild`, for the history: one table, whose rows are compared by what they hold. */
export const rebuildHeartbeats = async (work: HeartbeatRebuild): Promise<readonly Rebuilt[]> => {
  const { client, alone, live, signal } = work
  if (live() < 0n) return []
  await dropRebuiltHeartbeats(client)
  await inTransaction(client, 'begin', () => createReadModels(client, schema))
  const beside = new Beside(work)
  for (let round = 1; round <= rebuildRoundsMax; round += 1) await beside.catchUp(live())
  const about = { events: 0, seconds: 0 }
  const compared = async () => {
    const fingerprint = await fingerprintOf(client, schema, beside.oldestMs)
    const before = await fingerprintOf(client, 'live', beside.oldestMs)
    return { projection: heartbeats.name, ...about, fingerprint, equal: fingerprint === before }
  }
  await alone(async () => {
    await beside.catchUp(live())
    Object.assign(about, beside.about)
    await client.query('begin isolation level repeatable read')
    // The first statement takes the snapshot.
    await client.query('select 1')
  })
  beside.say('comparing', live())
  const result = await compared().finally(() => client.query('commit'))
  signal.throwIfAborted()
  await alone(async () => {
    const at = live()
    await beside.catchUp(at)
    await swap(work, at)
  })
  return [result]
}

/** What a rebuild that was broken off left behind. */
export const dropRebuiltHeartbeats = (client: PoolClient) =>
  client.query(`drop schema if exists ${schema} cascade`)

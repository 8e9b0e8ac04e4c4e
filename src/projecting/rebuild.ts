import type { Pool, PoolClient } from 'pg'
import type { AnyProjection } from '../../projections/projection.ts'
import {
  rebuildBatchEntriesMax,
  rebuildBatchEventsMax,
  rebuildConnectionsMax,
  rebuildRoundsMax,
  rebuildRowBytesMax,
} from '../../protocol/limits-rebuild.ts'
import type { EventStore } from '../store/event-store.ts'
import { projectorPrefixes } from '../store/streams.ts'
import type { Vault } from '../store/vault.ts'
import { ahead } from './ahead.ts'
import { CheckpointMoved, inTransaction, type Versioned } from './batch.ts'
import { type Decoded, entriesIn, logEventOf, sealedSubjects } from './decode.ts'
import { fingerprint } from './fingerprint.ts'
import { RebuiltTables } from './rebuilt-tables.ts'
import { sideBySide } from './side-by-side.ts'
import { batchesOf, type Taken } from './take-batch.ts'
import { takeTables } from './take-tables.ts'

export type Rebuilt = {
  readonly projection: string
  readonly events: number
  readonly seconds: number
  /** Of the rebuilt table. */
  readonly fingerprint: string
  /** Whether the live table, at the same position, is the same. */
  readonly equal: boolean
}

export type RebuildProgress = {
  readonly events: number
  readonly seconds: number
  /** What it is at: folding comes first, but for what the log gained meanwhile. */
  readonly doing: 'folding' | 'writing' | 'comparing'
  /** How far the log was folded, of how far the live tables are: commit positions. */
  readonly position: bigint
  readonly of: bigint
}

export type RebuildWork = {
  readonly store: EventStore
  readonly vault: Pick<Vault, 'keysOf'>
  /** A connection of its own: the projector goes on writing the live tables on another. */
  readonly client: PoolClient
  /** For more connections where there is work for several. */
  readonly pool: Pool
  readonly monotonic: () => number
  /** How far the live tables are. */
  readonly live: () => bigint
  /** Runs while nothing writes the live tables. */
  readonly alone: <Result>(work: () => Promise<Result>) => Promise<Result>
  readonly onProgress: (progress: RebuildProgress) => void
  readonly signal: AbortSignal
  /** How much of the rows is kept in memory; `rebuildRowBytesMax` when left out. */
  readonly rowBytesMax?: number
}

const schema = 'rebuilt'

const positionOf = (decoded: Decoded): bigint =>
  decoded.kind === 'recorded' ? decoded.event.position : decoded.position

type Gathered = {
  readonly decoded: readonly Decoded[]
  readonly to: bigint
  readonly ended: boolean
}

/** Batches as large as may be, up to and with `to`: nobody waits for one, and each costs as many statements as any other. */
async function* gathered(batches: AsyncIterable<Taken>, to: bigint): AsyncGenerator<Gathered> {
  let decoded: Decoded[] = []
  let entries = 0
  for await (const taken of batches) {
    const wanted = taken.decoded.filter((one) => positionOf(one) <= to)
    decoded.push(...wanted)
    entries += entriesIn(wanted)
    const ended = taken.caughtUp || (taken.to !== undefined && taken.to >= to)
    const isFull = decoded.length >= rebuildBatchEventsMax || entries >= rebuildBatchEntriesMax
    if (ended) yield { decoded, to, ended }
    else if (isFull && taken.to !== undefined) yield { decoded, to: taken.to, ended }
    else continue
    decoded = []
    entries = 0
  }
}

/** The tables beside the live ones, folded as far as they are. */
class Beside {
  readonly #work: RebuildWork
  readonly #tables: RebuiltTables
  readonly #lost = new Set<string>()
  readonly #startedMs: number
  #reached: bigint | undefined
  #events = 0

  constructor(work: RebuildWork, projections: readonly AnyProjection[]) {
    this.#work = work
    const rowBytesMax = work.rowBytesMax ?? rebuildRowBytesMax
    const { client, pool, signal } = work
    const given = { pool, signal, schema, projections, rowBytesMax }
    this.#tables = new RebuiltTables(client, given)
    this.#startedMs = work.monotonic()
  }

  get about() {
    const seconds = Math.round(this.#work.monotonic() - this.#startedMs) / 1_000
    return { events: this.#events, seconds }
  }

  create(): Promise<void> {
    return this.#tables.create()
  }

  /** Folds on, up to and with `to`, which the live tables have reached. */
  async catchUp(to: bigint): Promise<void> {
    if (this.#reached !== undefined && this.#reached >= to) return
    const { store, signal } = this.#work
    const from = this.#reached ?? 'start'
    const subscription = store.subscribe({ prefixes: projectorPrefixes, from })
    const batches = gathered(batchesOf(subscription, rebuildBatchEntriesMax), to)
    const close = () => void subscription.close()
    signal.addEventListener('abort', close, { once: true })
    try {
      for await (const { decoded, to: position, ended } of ahead(batches)) {
        signal.throwIfAborted()
        await this.#fold(decoded, position)
        if (ended) break
      }
    } finally {
      signal.removeEventListener('abort', close)
      await subscription.close()
    }
    // Who closed it broke off.
    signal.throwIfAborted()
    this.say('writing', to)
    await this.#tables.write()
    this.#reached = to
  }

  say(doing: RebuildProgress['doing'], position: bigint): void {
    const { onProgress, live } = this.#work
    onProgress({ ...this.about, doing, position, of: live() })
  }

  async #fold(decoded: readonly Decoded[], to: bigint): Promise<void> {
    const { vault } = this.#work
    const keys = await vault.keysOf(sealedSubjects(decoded))
    const events = decoded.flatMap((one) => {
      if (one.kind === 'node-lost') this.#lost.add(one.node)
      return logEventOf(one, keys, (node) => this.#lost.has(node)) ?? []
    })
    this.#events += events.length
    await this.#tables.fold(events)
    this.say('folding', to)
  }
}

/** The connection's transaction stands still; gives the name by which others see what it sees. */
const takeSnapshot = async (client: PoolClient): Promise<string> => {
  await client.query('begin isolation level repeatable read')
  const { rows } = await client.query<{ name: string }>('select pg_export_snapshot() as name')
  return rows[0]?.name ?? ''
}

const fingerprints = async (
  { client, pool, signal }: RebuildWork,
  tables: readonly { readonly of: string; readonly projection: AnyProjection }[],
  snapshot: string,
): Promise<readonly string[]> => {
  const all: string[] = []
  const work = (at: number) => async (on: PoolClient) => {
    const table = tables[at]
    if (!table) return
    const print = async () => {
      all[at] = await fingerprint(on, table.of, table.projection)
    }
    if (on === client) return print()
    await inTransaction(on, 'begin isolation level repeatable read', async () => {
      await on.query(`set transaction snapshot '${snapshot}'`)
      await print()
    })
  }
  const works = tables.map((_, at) => work(at))
  await sideBySide({ client, pool, max: rebuildConnectionsMax, signal }, works)
  return all
}

const compared = async (
  work: RebuildWork,
  projections: readonly AnyProjection[],
  snapshot: string,
): Promise<readonly Pick<Rebuilt, 'projection' | 'fingerprint' | 'equal'>[]> => {
  const tables = projections.flatMap((projection) => [
    { of: schema, projection },
    { of: 'live', projection },
  ])
  const all = await fingerprints(work, tables, snapshot)
  return projections.map(({ name }, at) => {
    const fingerprint = all[2 * at] ?? ''
    return { projection: name, fingerprint, equal: fingerprint === all[2 * at + 1] }
  })
}

/** Whether the live tables are still where the rebuilt ones are: whoever leads by now may have moved them. */
export const checkCheckpoints = async (
  client: PoolClient,
  projections: readonly Versioned[],
  at: bigint,
): Promise<void> => {
  const { rows } = await client.query<{ there: number }>(
    `select count(*)::int as there from live.checkpoints c
     join unnest($1::text[], $2::int[]) as p (name, version) on p.name = c.projection and p.version = c.version
     where c.commit = $3::bigint`,
    [projections.map(({ name }) => name), projections.map(({ version }) => version), at.toString()],
  )
  if (rows[0]?.there !== projections.length)
    throw new CheckpointMoved('the live tables were moved by another during a rebuild')
}

type Swap = { readonly projections: readonly AnyProjection[]; readonly at: bigint }

const swap = ({ client, signal }: RebuildWork, { projections, at }: Swap) =>
  inTransaction(client, 'begin', async () => {
    await takeTables(
      client,
      projections.map(({ name }) => `live.${name}`),
      signal,
    )
    await checkCheckpoints(client, projections, at)
    const moves = projections.map(
      ({ name }) => `drop table live.${name}; alter table ${schema}.${name} set schema live`,
    )
    await client.query(moves.join(';'))
    const names = [projections.map(({ name }) => name)]
    await client.query('delete from live.counts where projection = any($1)', names)
    await client.query(`insert into live.counts select * from ${schema}.counts`)
    await client.query(`drop schema ${schema} cascade`)
  })

/**
 * Rebuilds beside the live tables, which serve and are moved on meanwhile; compares both at one position; and puts the rebuilt ones in
 * their place in one transaction. The projector stands still three times, for what the log gained since the last look, for the snapshot
 * and for the swap. Broken off at any point before the swap it changed nothing.
 */
export const rebuild = async (
  work: RebuildWork,
  projections: readonly AnyProjection[],
): Promise<readonly Rebuilt[]> => {
  const { client, alone, live, signal } = work
  // Nothing was folded yet: there is nothing to compare with.
  if (live() < 0n) return []
  const beside = new Beside(work, projections)
  await beside.create()
  // Each round has less to fold than the one before.
  for (let round = 1; round <= rebuildRoundsMax; round += 1) await beside.catchUp(live())
  const { about, snapshot } = await alone(async () => {
    await beside.catchUp(live())
    return { about: beside.about, snapshot: await takeSnapshot(client) }
  })
  beside.say('comparing', live())
  const compares = await compared(work, projections, snapshot).finally(() => client.query('commit'))
  signal.throwIfAborted()
  await alone(async () => {
    const at = live()
    await beside.catchUp(at)
    await swap(work, { projections, at })
  })
  return compares.map((one) => ({ ...one, ...about }))
}

/** What a rebuild that was broken off left behind. */
export const dropRebuilt = (client: PoolClient) =>
  client.query(`drop schema if exists ${schema} cascade`)

import type { PoolClient } from 'pg'
import type { AnyProjection } from '../../projections/projection.ts'
import type { EventStore } from '../store/event-store.ts'
import { projectorPrefixes } from '../store/streams.ts'
import type { Vault } from '../store/vault.ts'
import { type Checkpoints, loadCheckpoints, writeBatch } from './batch.ts'
import { type Decoded, logEventOf, sealedSubjects } from './decode.ts'
import { fingerprint } from './fingerprint.ts'
import { createReadModels } from './migrate.ts'
import { batchesOf } from './take-batch.ts'

export type Rebuilt = {
  readonly projection: string
  readonly events: number
  readonly seconds: number
  /** Of the rebuilt table. */
  readonly fingerprint: string
  /** Whether the live table, at the same position, is the same. */
  readonly equal: boolean
}

type Deps = {
  readonly store: EventStore
  readonly vault: Pick<Vault, 'keysOf'>
  /** The connection that holds the lead: while this runs nothing else writes the live tables. */
  readonly client: PoolClient
  readonly monotonic: () => number
}

const schema = 'rebuilt'

const positionOf = (decoded: Decoded): bigint =>
  decoded.kind === 'recorded' ? decoded.event.position : decoded.position

const inTransaction = async (client: PoolClient, work: () => Promise<void>): Promise<void> => {
  await client.query('begin')
  try {
    await work()
    await client.query('commit')
  } catch (error) {
    await client.query('rollback')
    throw error
  }
}

/** Folds the log from its start up to and with `to` into the tables of the other schema; how many events that were. */
const replay = async (
  { store, vault, client }: Deps,
  projections: readonly AnyProjection[],
  to: bigint,
) => {
  let checkpoints: Checkpoints = await loadCheckpoints(client, schema, projections)
  const lost = new Set<string>()
  let events = 0
  const subscription = store.subscribe({ prefixes: projectorPrefixes, from: 'start' })
  try {
    for await (const { decoded, to: taken, caughtUp } of batchesOf(subscription)) {
      const wanted = decoded.filter((one) => positionOf(one) <= to)
      const keys = await vault.keysOf(sealedSubjects(wanted))
      const facts = wanted.flatMap((one) => {
        if (one.kind === 'node-lost') lost.add(one.node)
        return logEventOf(one, keys, (node) => lost.has(node)) ?? []
      })
      events += facts.length
      const reached = taken !== undefined && taken < to ? taken : to
      checkpoints = await writeBatch(client, {
        schema,
        projections,
        events: facts,
        from: checkpoints,
        to: reached,
      })
      if (caughtUp || (taken !== undefined && taken >= to)) break
    }
  } finally {
    await subscription.close()
  }
  return events
}

const swap = (client: PoolClient, projections: readonly AnyProjection[]) =>
  inTransaction(client, async () => {
    for (const { name } of projections) {
      await client.query(`drop table live.${name}`)
      await client.query(`alter table ${schema}.${name} set schema live`)
    }
    await client.query(`drop schema ${schema} cascade`)
  })

/** Rebuilds beside the live tables, compares both at the same position, and puts the rebuilt ones in their place. */
export const rebuild = async (
  deps: Deps,
  projections: readonly AnyProjection[],
  to: bigint,
): Promise<readonly Rebuilt[]> => {
  const { client, monotonic } = deps
  const started = monotonic()
  await client.query(`drop schema if exists ${schema} cascade`)
  await inTransaction(client, () => createReadModels(client, schema))
  const events = await replay(deps, projections, to)
  const seconds = (monotonic() - started) / 1_000
  const results: Rebuilt[] = []
  for (const projection of projections) {
    const now = await fingerprint(client, schema, projection)
    const live = await fingerprint(client, 'live', projection)
    results.push({
      projection: projection.name,
      events,
      seconds,
      fingerprint: now,
      equal: now === live,
    })
  }
  await swap(client, projections)
  return results
}

import type { Pool, PoolClient } from 'pg'
import type { AnyProjection } from '../../projections/projection.ts'
import { decidedCacheRowsMax, healthCacheRowsMax } from '../../protocol/limits.ts'
import type { EventStore } from '../store/event-store.ts'
import type { Log } from '../store/log.ts'
import type { Meter } from '../store/meter.ts'
import { projectorPrefixes } from '../store/streams.ts'
import type { Vault } from '../store/vault.ts'
import type { Audience } from './audience.ts'
import { type Checkpoints, least, loadCheckpoints, writeBatch } from './batch.ts'
import { type Decoded, logEventOf, sealedSubjects } from './decode.ts'
import { giveWay, mayGiveWay } from './give-way.ts'
import { joined } from './joined.ts'
import { keepMoving, type Mover } from './keep-moving.ts'
import { dropRebuilt, type RebuildWork, rebuild } from './rebuild.ts'
import { createRebuilds } from './rebuilds.ts'
import { createRowCache } from './row-cache.ts'
import { RowRests } from './row-rests.ts'
import { batchesOf, type Taken } from './take-batch.ts'
import { createTurns } from './turns.ts'

export type MoverDeps = {
  readonly store: EventStore
  readonly pool: Pool
  readonly vault: Pick<Vault, 'keysOf'>
  readonly projections: readonly AnyProjection[]
  readonly log: Log
  readonly meter: Meter
  /** Milliseconds since 1970. */
  readonly now: () => number
  /** Milliseconds of a clock that never jumps. */
  readonly monotonic: () => number
  /** Whether those who wait for their PUBACK are many: they go first. */
  readonly isBusy: () => boolean
}

// Any number that nobody else locks with.
const leaderLock = 7_214_002
const schema = 'live'

const noKeys = Promise.resolve<ReadonlyMap<string, Uint8Array>>(new Map())

// A full batch while those go first who wait for their PUBACK.
const restsPerWork = 16

// What is written again and again; what names its rows by other columns alone is read each time.
const cachedRows = {
  device_health: healthCacheRowsMax,
  devices: decidedCacheRowsMax,
  ownership: decidedCacheRowsMax,
  tokens: decidedCacheRowsMax,
}

class Leading {
  readonly #deps: MoverDeps
  readonly #client: PoolClient
  readonly #audience: Audience
  readonly #turns = createTurns()
  readonly #caches = new Map(
    Object.entries(cachedRows).map(([name, rowsMax]) => [name, createRowCache(rowsMax)] as const),
  )
  #warming: Promise<unknown> = Promise.resolve()
  readonly #lost = new Set<string>()
  readonly #ending = new AbortController()
  #checkpoints: Checkpoints = new Map()
  readonly rebuild: ReturnType<typeof createRebuilds>

  constructor(deps: MoverDeps, client: PoolClient, audience: Audience) {
    this.#deps = deps
    this.#client = client
    this.#audience = audience
    const live = () => least(this.#checkpoints) ?? -1n
    const alone: RebuildWork['alone'] = (work) =>
      this.#turns.take(async () => {
        for (const cache of this.#caches.values()) cache.clear()
        return work()
      })
    this.rebuild = createRebuilds({
      ...deps,
      ending: this.#ending.signal,
      rebuild: (work, wanted) => rebuild({ ...deps, ...work, live, alone }, wanted),
      drop: dropRebuilt,
    })
  }

  /** Follows the log until the signal, or until something fails. */
  async run(signal: AbortSignal): Promise<void> {
    const { store, projections, now, monotonic, isBusy } = this.#deps
    this.#checkpoints = await loadCheckpoints(this.#client, schema, projections)
    const { rows } = await this.#client.query<{ id: string }>(`select id from ${schema}.lost_nodes`)
    for (const { id } of rows) this.#lost.add(id)
    const from = least(this.#checkpoints)
    if (from !== null) this.#audience.reached(from)
    const subscription = store.subscribe({ prefixes: projectorPrefixes, from: from ?? 'start' })
    const close = () => void subscription.close()
    signal.addEventListener('abort', close, { once: true })
    if (signal.aborted) close()
    try {
      const rests = new RowRests(projections)
      const wait = (batch: Taken) => rests.waitMs(batch, monotonic())
      const batches = joined(this.#warmed(batchesOf(subscription)), wait, monotonic)
      for await (const { decoded, to, caughtUp } of batches) {
        const started = monotonic()
        rests.begin(started)
        if (to !== undefined) await this.#turns.take(() => this.#write(decoded, to))
        if (mayGiveWay(decoded, now()))
          await giveWay(restsPerWork * (monotonic() - started), isBusy, signal)
        if (caughtUp) this.#audience.standing({ caughtUp, failure: undefined })
        rests.end(decoded, monotonic())
      }
    } finally {
      this.#ending.abort()
      signal.removeEventListener('abort', close)
      await subscription.close()
    }
  }

  /** The keys that a batch needs are fetched while it waits for others. */
  async *#warmed(batches: AsyncIterable<Taken>): AsyncGenerator<Taken> {
    for await (const taken of batches) {
      const keys = this.#keysOf(taken.decoded).catch(() => {})
      this.#warming = Promise.all([this.#warming, keys])
      yield taken
    }
  }

  #keysOf(decoded: readonly Decoded[]): Promise<ReadonlyMap<string, Uint8Array>> {
    const subjects = sealedSubjects(decoded)
    return subjects.length > 0 ? this.#deps.vault.keysOf(subjects) : noKeys
  }

  async #write(decoded: readonly Decoded[], to: bigint): Promise<void> {
    const { projections, meter, monotonic } = this.#deps
    const started = monotonic()
    await this.#warming
    const keys = await this.#keysOf(decoded)
    for (const one of decoded) if (one.kind === 'node-lost') this.#lost.add(one.node)
    const events = decoded.flatMap(
      (one) => logEventOf(one, keys, (node) => this.#isVoid(decoded, one, node)) ?? [],
    )
    const batch = { schema, projections, events, from: this.#checkpoints, to, caches: this.#caches }
    this.#checkpoints = await writeBatch(this.#client, batch)
    this.#audience.reached(to)
    meter.observe('projection_batch_seconds', (monotonic() - started) / 1_000)
    meter.observe('projection_batch_events', events.length)
  }

  // A node that is found lost within this very batch is lost only for what stands behind that.
  #isVoid(decoded: readonly Decoded[], one: Decoded, node: string): boolean {
    if (!this.#lost.has(node)) return false
    const found = decoded.findIndex((other) => other.kind === 'node-lost' && other.node === node)
    return found < 0 || decoded.indexOf(one) > found
  }
}

/** The mover of the cluster: whoever holds the lock moves all live projections, in one subscription, one transaction a batch. */
export const startMover = (deps: MoverDeps, audience: Audience): Mover => {
  const say = (failure?: string) => audience.standing({ caughtUp: false, failure })
  const leading = { ...deps, lock: leaderLock, what: 'the projector', say }
  return keepMoving(leading, (client) => new Leading(deps, client, audience))
}

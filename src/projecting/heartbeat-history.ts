import type { Pool, PoolClient } from 'pg'
import type { Placed } from '../../projections/heartbeat-runs.ts'
import { heartbeats } from '../../projections/heartbeats.ts'
import {
  batchEventsMax,
  heartbeatBatchEntriesMax,
  heartbeatRestMsMax,
  heartbeatRestMsMin,
} from '../../protocol/limits.ts'
import type { EventStore } from '../store/event-store.ts'
import type { Log } from '../store/log.ts'
import type { Meter } from '../store/meter.ts'
import { ingestPrefixes } from '../store/streams.ts'
import type { Audience } from './audience.ts'
import { type Checkpoints, inTransaction, loadCheckpoints, moveCheckpoints } from './batch.ts'
import { giveWay } from './give-way.ts'
import { HeartbeatDays } from './heartbeat-days.ts'
import { dropRebuiltHeartbeats, rebuildHeartbeats } from './heartbeat-rebuild.ts'
import { HeartbeatWriter } from './heartbeat-writer.ts'
import { joined } from './joined.ts'
import { keepMoving, type Mover } from './keep-moving.ts'
import { pause } from './pause.ts'
import { heartbeatReading } from './placed-heartbeats.ts'
import { createProjector, type Projector } from './projector.ts'
import type { RebuildWork } from './rebuild.ts'
import { createRebuilds } from './rebuilds.ts'
import { batchesRead, type Taken } from './take-batch.ts'
import { createTurns } from './turns.ts'

export type HeartbeatHistoryDeps = {
  readonly store: EventStore
  readonly pool: Pool
  readonly log: Log
  readonly meter: Meter
  /** Milliseconds since 1970. */
  readonly now: () => number
  /** Milliseconds of a clock that never jumps. */
  readonly monotonic: () => number
  /** Whether those who wait for their PUBACK are many: they go first. */
  readonly isBusy: () => boolean
  /** How many days before today are kept. */
  readonly days: number
}

// Any number that nobody else locks with.
const lock = 7_214_003
const schema = 'live'
export const heartbeatProjections = [heartbeats]
const restMsPerHeartbeat = 0.5

// While those go first who wait for their PUBACK.
const busyRestsPerWork = 32

/**
 * Nobody waits for history as for a device: a rest after each batch leaves more for others, and what comes meanwhile joins the next, which
 * makes longer runs.
 */
const restMs = (entries: number, tookMs: number): number =>
  Math.max(tookMs, heartbeatRestMsMin, Math.min(heartbeatRestMsMax, entries * restMsPerHeartbeat))

const isFull = ({ decoded }: Taken<readonly Placed[]>): boolean =>
  decoded.length >= batchEventsMax ||
  decoded.reduce((sum, placed) => sum + placed.length, 0) >= heartbeatBatchEntriesMax

class Leading {
  readonly #deps: HeartbeatHistoryDeps
  readonly #client: PoolClient
  readonly #audience: Audience
  readonly #turns = createTurns()
  readonly #ending = new AbortController()
  #days: HeartbeatDays
  #writer: HeartbeatWriter
  readonly rebuild: ReturnType<typeof createRebuilds>
  #checkpoints: Checkpoints = new Map()

  constructor(deps: HeartbeatHistoryDeps, client: PoolClient, audience: Audience) {
    this.#deps = deps
    this.#client = client
    this.#audience = audience
    this.#days = this.#newDays()
    this.#writer = new HeartbeatWriter(client, schema)
    const live = () => this.#checkpoints.get(heartbeats.name) ?? -1n
    const alone: RebuildWork['alone'] = (work) =>
      this.#turns.take(async () => {
        const result = await work()
        // Another table may stand there now.
        this.#days = this.#newDays()
        return result
      })
    this.rebuild = createRebuilds({
      ...deps,
      projections: heartbeatProjections,
      ending: this.#ending.signal,
      rebuild: (work) => rebuildHeartbeats({ ...deps, ...work, live, alone }),
      drop: dropRebuiltHeartbeats,
    })
  }

  #newDays(): HeartbeatDays {
    const { log, days } = this.#deps
    return new HeartbeatDays(this.#client, { schema, log, days })
  }

  async run(signal: AbortSignal): Promise<void> {
    const { monotonic, isBusy } = this.#deps
    this.#checkpoints = await loadCheckpoints(this.#client, schema, heartbeatProjections)
    const from = this.#checkpoints.get(heartbeats.name) ?? null
    if (from !== null) this.#audience.reached(from)
    const subscription = this.#deps.store.subscribe({
      prefixes: ingestPrefixes,
      from: from ?? 'start',
    })
    const close = () => void subscription.close()
    signal.addEventListener('abort', close, { once: true })
    if (signal.aborted) close()
    try {
      let restedMs = 0
      const wait = (taken: Taken<readonly Placed[]>) => (isFull(taken) ? 0 : restedMs - monotonic())
      const batches = joined(batchesRead(subscription, heartbeatReading), wait, monotonic)
      for await (const taken of batches) {
        const { decoded, to } = taken
        const batch = decoded.flat()
        const started = monotonic()
        if (to !== undefined) await this.#turns.take(() => this.#write(batch, to))
        const ended = monotonic()
        const tookMs = ended - started
        restedMs = batch.length > 0 ? ended + restMs(batch.length, tookMs) : 0
        if (!isFull(taken)) continue
        await pause(tookMs, signal)
        await giveWay(busyRestsPerWork * tookMs, isBusy, signal)
      }
    } finally {
      this.#ending.abort()
      signal.removeEventListener('abort', close)
      await subscription.close()
    }
  }

  async #write(read: readonly Placed[], to: bigint): Promise<void> {
    const { now, monotonic, meter } = this.#deps
    const started = monotonic()
    await this.#days.drop(now())
    const oldest = this.#days.oldest(now())
    const batch = read.filter(({ ms }) => ms >= oldest)
    await this.#days.make(batch.map(({ ms }) => ms))
    const client = this.#client
    await inTransaction(client, 'begin', async () => {
      await this.#writer.write(batch)
      await moveCheckpoints(client, {
        schema,
        projections: heartbeatProjections,
        from: this.#checkpoints,
        to,
      })
    })
    const before = this.#checkpoints.get(heartbeats.name) ?? -1n
    this.#checkpoints = new Map([[heartbeats.name, before > to ? before : to]])
    this.#audience.reached(to)
    meter.observe('heartbeat_history_batch_seconds', (monotonic() - started) / 1_000)
  }
}

/**
 * Keeps the history of heartbeats: a subscription, a transaction and a checkpoint of its own, so that it never delays the row of a device
 * (design, "Two kinds of follower").
 */
export const followHeartbeats = (deps: HeartbeatHistoryDeps, audience: Audience): Mover => {
  const say = (failure?: string) =>
    audience.standing({
      caughtUp: false,
      failure: failure === undefined ? undefined : `heartbeats: ${failure}`,
    })
  const leading = { ...deps, lock, what: 'the history of heartbeats', say }
  return keepMoving(leading, (client) => new Leading(deps, client, audience))
}

/** The history in this thread. */
export const startHeartbeatHistory = (deps: HeartbeatHistoryDeps): Projector =>
  createProjector({
    ...deps,
    projections: heartbeatProjections,
    start: (audience) => followHeartbeats(deps, audience),
  })

import type { Pool, PoolClient } from 'pg'
import { heartbeats, heartbeatsIn, type WrittenHeartbeat } from '../../projections/heartbeats.ts'
import { heartbeatBatchEntriesMax, heartbeatRestMsMin } from '../../protocol/limits.ts'
import type { EventStore } from '../store/event-store.ts'
import type { Log } from '../store/log.ts'
import type { Meter } from '../store/meter.ts'
import { ingestPrefixes } from '../store/streams.ts'
import type { Audience, Following } from './audience.ts'
import { type Checkpoints, inTransaction, loadCheckpoints, moveCheckpoints } from './batch.ts'
import { type Decoded, entriesIn, logEventOf } from './decode.ts'
import { HeartbeatDays } from './heartbeat-days.ts'
import { keepLeading } from './lead.ts'
import { pause } from './pause.ts'
import { followProgress, type Progress } from './projector.ts'
import { batchesOf } from './take-batch.ts'

export type HeartbeatHistoryDeps = {
  readonly store: EventStore
  readonly pool: Pool
  readonly log: Log
  readonly meter: Meter
  /** Milliseconds since 1970. */
  readonly now: () => number
  /** Milliseconds of a clock that never jumps. */
  readonly monotonic: () => number
  /** How many days before today are kept. */
  readonly days: number
}

// Any number that nobody else locks with.
const lock = 7_214_003
const schema = 'live'
export const heartbeatProjections = [heartbeats]
const dayMs = 86_400_000
const noKeys: ReadonlyMap<string, Uint8Array> = new Map()

type Numbered = { readonly device_id: string; readonly boot: string; readonly seq: string | number }
const nameOf = ({ device_id, boot, seq }: Numbered): string => `${device_id} ${boot} ${seq}`

const isNumbered = (row: WrittenHeartbeat): row is WrittenHeartbeat & Numbered =>
  row.boot !== null && row.seq !== null

const known = `select h.device_id, h.boot, h.seq, max(h.received_at) as last
  from unnest($1::text[], $2::text[], $3::bigint[]) as r (device_id, boot, seq)
  join ${schema}.heartbeats h on h.device_id = r.device_id and h.boot = r.boot and h.seq = r.seq
  where h.received_at >= $4::timestamptz group by 1, 2, 3`

/** When what these rows may repeat was last received, of the day before the first of them. */
const knownOf = async (client: PoolClient, rows: readonly WrittenHeartbeat[]) => {
  const numbered = rows.filter(isNumbered)
  const times = numbered.map(({ received_at }) => Date.parse(received_at))
  const since = times.reduce((least, ms) => Math.min(least, ms), Number.MAX_SAFE_INTEGER) - dayMs
  if (numbered.length === 0) return new Map<string, number>()
  const values = [
    numbered.map(({ device_id }) => device_id),
    numbered.map(({ boot }) => boot),
    numbered.map(({ seq }) => seq),
    new Date(since),
  ]
  const found = await client.query<Numbered & { last: Date }>({
    name: 'known heartbeats',
    text: known,
    values,
  })
  return new Map(found.rows.map((row) => [nameOf(row), row.last.getTime()]))
}

/** Within a day of one that is kept it is a retransmission, which two nodes stored. However the log is cut into batches, the same are kept. */
const withoutRepeats = (
  rows: readonly WrittenHeartbeat[],
  kept: Map<string, number>,
): readonly WrittenHeartbeat[] =>
  rows.filter((row) => {
    if (!isNumbered(row)) return true
    const name = nameOf(row)
    const [last, ms] = [kept.get(name), Date.parse(row.received_at)]
    if (last !== undefined && ms - last <= dayMs) return false
    kept.set(name, ms)
    return true
  })

// Rows and checkpoint go together: what a crash of Postgres takes back is folded again, and no commit waits for the disk.
const unhurried = 'begin; set local synchronous_commit to off'

const insert = `insert into ${schema}.heartbeats
  (device_id, project_id, received_at, position, entry, via, boot, seq, device_at, data)
  select r.* from jsonb_to_recordset($1::jsonb) as r (device_id text, project_id text, received_at timestamptz, position bigint,
    entry integer, via text, boot text, seq bigint, device_at text, data jsonb)`

/**
 * Nobody waits for history as for a device: four fifths of the time at rest, and batches that hold nobody up, leave more for others.
 * Only what is behind goes on without the least rest.
 */
const restMs = (decoded: readonly Decoded[], tookMs: number): number =>
  entriesIn(decoded) >= heartbeatBatchEntriesMax
    ? 4 * tookMs
    : Math.max(heartbeatRestMsMin, 4 * tookMs)

class Leading {
  readonly #deps: HeartbeatHistoryDeps
  readonly #client: PoolClient
  readonly #audience: Audience
  readonly #days: HeartbeatDays
  #checkpoints: Checkpoints = new Map()

  constructor(deps: HeartbeatHistoryDeps, client: PoolClient, audience: Audience) {
    this.#deps = deps
    this.#client = client
    this.#audience = audience
    this.#days = new HeartbeatDays(client, deps.log, deps.days)
  }

  async run(signal: AbortSignal): Promise<void> {
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
      for await (const { decoded, to } of batchesOf(subscription, heartbeatBatchEntriesMax)) {
        const started = this.#deps.monotonic()
        if (to !== undefined) await this.#write(decoded, to)
        const tookMs = this.#deps.monotonic() - started
        if (decoded.length > 0) await pause(restMs(decoded, tookMs), signal)
      }
    } finally {
      signal.removeEventListener('abort', close)
      await subscription.close()
    }
  }

  async #write(decoded: readonly Decoded[], to: bigint): Promise<void> {
    const { now, monotonic, meter } = this.#deps
    const started = monotonic()
    await this.#days.drop(now())
    const oldest = this.#days.oldest(now())
    const rows = decoded
      .flatMap((one) => logEventOf(one, noKeys, () => false) ?? [])
      .flatMap(heartbeatsIn)
      .filter(({ received_at }) => Date.parse(received_at) >= oldest)
    await this.#days.make(rows.map(({ received_at }) => Date.parse(received_at)))
    const client = this.#client
    await inTransaction(client, unhurried, async () => {
      if (rows.length > 0) {
        const text = JSON.stringify(withoutRepeats(rows, await knownOf(client, rows)))
        await client.query({ name: 'insert heartbeats', text: insert, values: [text] })
      }
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
export const followHeartbeats = (deps: HeartbeatHistoryDeps, audience: Audience): Following =>
  keepLeading(
    {
      ...deps,
      lock,
      what: 'the history of heartbeats',
      say: (failure) =>
        audience.standing({
          caughtUp: false,
          failure: failure === undefined ? undefined : `heartbeats: ${failure}`,
        }),
    },
    (client, signal) => new Leading(deps, client, audience).run(signal),
  )

/** The history in this thread. */
export const startHeartbeatHistory = (deps: HeartbeatHistoryDeps): Progress =>
  followProgress({
    ...deps,
    projections: heartbeatProjections,
    start: (audience) => followHeartbeats(deps, audience),
  }).progress

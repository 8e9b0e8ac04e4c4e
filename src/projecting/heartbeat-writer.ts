import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { setImmediate as turn } from 'node:timers/promises'
import type { PoolClient } from 'pg'
import { from as copyFrom } from 'pg-copy-streams'
import { HeartbeatNumbering, type KeptNumbering } from '../../projections/heartbeat-numbering.ts'
import { type Placed, type Run, Runs } from '../../projections/heartbeat-runs.ts'
import {
  copyPieceCharactersMax,
  entriesATurnMax,
  heartbeatNumberingsMax,
} from '../../protocol/limits.ts'
import { packed } from '../store/packed.ts'

const dayMs = 86_400_000
const textOf = (ms: number): string => new Date(ms).toISOString()

const lastNumbering = (
  schema: string,
): string => `select d.id, h.numbering from unnest($1::text[]) as d (id)
  cross join lateral (
    select numbering from ${schema}.heartbeats h where h.device_id = d.id and h.received_at >= $2::timestamptz and h.numbering is not null
    order by h.position desc, h.entry desc limit 1
  ) h`

// PostgreSQL documentation, COPY, "Text Format": a backslash is doubled.
const hex = (bytes: Buffer): string => `\\\\x${bytes.toString('hex')}`
const json = (value: object): string => JSON.stringify(value).replaceAll('\\', '\\\\')

const lineOf = (run: Run): string =>
  `${[
    run.device,
    run.project,
    run.position,
    run.entry,
    textOf(run.receivedMs),
    textOf(run.untilMs),
    hex(packed(`[${run.beats.join()}]`)),
    run.numbering === null ? '\\N' : json(run.numbering),
  ].join('\t')}\n`

const copyInto = (schema: string): string =>
  `copy ${schema}.heartbeats (device_id, project_id, position, entry, received_at, received_until, beats, numbering) from stdin`

/** In pieces that hold up nobody else in this thread. */
async function* linesOf(runs: readonly Run[]): AsyncGenerator<string> {
  let text = ''
  for (const run of runs) {
    text += lineOf(run)
    if (text.length < copyPieceCharactersMax) continue
    yield text
    text = ''
    await turn()
  }
  yield text
}

/** Makes the rows of the history; remembers which numbers it met, as nobody else writes while it leads. */
export class HeartbeatWriter {
  readonly #client: PoolClient
  readonly #schema: string
  readonly #known = new Map<string, HeartbeatNumbering>()

  constructor(client: PoolClient, schema: string) {
    this.#client = client
    this.#schema = schema
  }

  /** Within a transaction; the days are there. After a failure nothing that is remembered holds. */
  async write(batch: readonly Placed[]): Promise<void> {
    await this.#load(batch)
    const runs = new Runs((device) => this.#numberingOf(device))
    for (const [at, placed] of batch.entries()) {
      if (at % entriesATurnMax === 0) await turn()
      runs.add(placed)
    }
    const rows = runs.ended()
    if (rows.length > 0)
      await pipeline(
        Readable.from(linesOf(rows)),
        this.#client.query(copyFrom(copyInto(this.#schema))),
      )
    for (const device of this.#known.keys()) {
      if (this.#known.size <= heartbeatNumberingsMax) break
      this.#known.delete(device)
    }
  }

  /** Used last, forgotten last. */
  #numberingOf(device: string): HeartbeatNumbering {
    const known = this.#known.get(device) ?? new HeartbeatNumbering()
    this.#known.delete(device)
    this.#known.set(device, known)
    return known
  }

  async #load(batch: readonly Placed[]): Promise<void> {
    const unknown = new Set<string>()
    let leastMs = Number.MAX_SAFE_INTEGER
    for (const { device, seq, ms } of batch) {
      if (seq === undefined || this.#known.has(device)) continue
      unknown.add(device)
      leastMs = Math.min(leastMs, ms)
    }
    if (unknown.size === 0) return
    const since = Math.floor((leastMs - dayMs) / dayMs) * dayMs
    const { rows } = await this.#client.query<{ id: string; numbering: KeptNumbering }>({
      name: `last heartbeat numbering of ${this.#schema}`,
      text: lastNumbering(this.#schema),
      values: [[...unknown], textOf(since)],
    })
    for (const { id, numbering } of rows) this.#known.set(id, new HeartbeatNumbering(numbering))
  }
}

import pg from 'pg'
import type { Filled, FillOrder } from './fill-log.ts'
import type { LapelUnderTest } from './lapel.ts'
import { treeCpuSeconds } from './process-tree.ts'
import { runProgram } from './programs.ts'
import { shown } from './statistics.ts'

type Rebuilt = { readonly projection: string; readonly events: number; readonly equal: boolean }

/** What one rebuild took, from the call to its answer, with which its tables serve: on the clock, and of CPU of all of the node. */
type Cost = { readonly events: number; readonly seconds: number; readonly cpuSeconds: number }

const history = 'heartbeats'
// A rebuild is short beside what else happens on a machine: the least of them is the one that was disturbed least.
const rounds = 2
const caughtUpSecondsMax = 240

const rebuild = async (
  { httpPort, admin }: LapelUnderTest,
  names?: readonly string[],
): Promise<readonly Rebuilt[]> => {
  const response = await fetch(`http://127.0.0.1:${httpPort}/internal/rebuild`, {
    method: 'POST',
    headers: { authorization: `Bearer ${admin}`, 'content-type': 'application/json' },
    body: JSON.stringify(names ? { names } : {}),
  })
  const body = (await response.json()) as { readonly data?: readonly Rebuilt[] }
  const { data } = body
  if (!data) throw new Error(`a rebuild ended with ${response.status}: ${JSON.stringify(body)}`)
  if (!data.every(({ equal }) => equal)) throw new Error('a rebuilt read model differs')
  return data
}

const costOf = async (lapel: LapelUnderTest, names: readonly string[]): Promise<Cost> => {
  const costs: Cost[] = []
  for (let round = 0; round < rounds; round += 1) {
    const [cpuBefore, begun] = [treeCpuSeconds(lapel.pid), performance.now()]
    const [first] = await rebuild(lapel, names)
    costs.push({
      events: first?.events ?? 0,
      seconds: (performance.now() - begun) / 1_000,
      cpuSeconds: treeCpuSeconds(lapel.pid) - cpuBefore,
    })
  }
  const least = (pick: (cost: Cost) => number) => Math.min(...costs.map(pick))
  return {
    events: least(({ events }) => events),
    seconds: least(({ seconds }) => seconds),
    cpuSeconds: least(({ cpuSeconds }) => cpuSeconds),
  }
}

/** Until these have come to that position. */
const caughtUp = async (
  client: pg.Client,
  names: readonly string[],
  position: string,
): Promise<void> => {
  for (const deadline = Date.now() + caughtUpSecondsMax * 1_000; Date.now() < deadline; ) {
    const { rows } = await client.query<{ behind: number }>(
      `select count(*)::int as behind from live.checkpoints
       where projection = any($1) and (commit is null or commit < $2)`,
      [names, position],
    )
    if (rows[0]?.behind === 0) return
    await new Promise((resolve) => setTimeout(resolve, 100))
  }
  throw new Error(`the projectors did not catch up within ${caughtUpSecondsMax} s`)
}

type Rate = { readonly perSecond: number; readonly cpuUs: number }

export type RebuildRates = {
  /** Of the larger fleet. */
  readonly lifecycle: number
  readonly observations: number
  /** Heartbeats a second of the history. */
  readonly history: number
}

const nothing: Cost = { events: 0, seconds: 0, cpuSeconds: 0 }

const rateOf = (count: number, cost: Cost, without: Cost = nothing): Rate => ({
  perSecond: count / (cost.seconds - without.seconds),
  cpuUs: ((cost.cpuSeconds - without.cpuSeconds) * 1e6) / count,
})

const said = (what: string, count: number, { perSecond, cpuUs }: Rate): string =>
  `rebuild of ${count.toLocaleString('en')} ${what}: ${shown(perSecond)}/s, ${shown(cpuUs)} us CPU each of all processes`

/** A fleet, and one that is so many times as large: what a rebuild takes whatever the log holds weighs less there. */
const largerFleet = 4

/**
 * What a rebuild folds a second, as one waits for it: of the lifecycle events of two fleets all of the time, of observations and of the
 * history's heartbeats, which come on top, the difference that they make.
 */
export const measureRebuild = async (
  lapel: LapelUnderTest,
  { devices, commits }: Pick<FillOrder, 'devices' | 'commits'>,
): Promise<RebuildRates> => {
  const { eventStoreUrl, databaseUrl, secretsFile } = lapel
  const client = new pg.Client({ connectionString: databaseUrl })
  await client.connect()
  const fill = async (
    what: Pick<FillOrder, 'devices' | 'commits'>,
    names: readonly string[],
  ): Promise<Filled> => {
    const order: FillOrder = { eventStoreUrl, databaseUrl, secretsFile, ...what }
    const filled = await runProgram<Filled>('bench/support/fill-log.ts', JSON.stringify(order))
    await caughtUp(client, names, filled.position)
    return filled
  }
  try {
    const all = await rebuild(lapel)
    const models = all.map(({ projection }) => projection).filter((name) => name !== history)
    const first = await costOf(lapel, models)
    console.log(`rebuild of ${first.events} events: ${first.seconds.toFixed(2)} s`)
    let [cost, lifecycle] = [first, 0]
    for (const more of [devices, (largerFleet - 1) * devices]) {
      // The history hears of other events from time to time only.
      await fill({ devices: more, commits: 0 }, models)
      cost = await costOf(lapel, models)
      const rate = rateOf(cost.events, cost)
      console.log(said('lifecycle events', cost.events, rate))
      lifecycle = rate.perSecond
    }
    const { observations } = await fill({ devices: 0, commits }, [...models, history])
    const observed = rateOf(observations, await costOf(lapel, models), cost)
    console.log(said('observations', observations, observed))
    const kept = rateOf(observations, await costOf(lapel, [history]))
    console.log(said('heartbeats of the history', observations, kept))
    return { lifecycle, observations: observed.perSecond, history: kept.perSecond }
  } finally {
    await client.end()
  }
}

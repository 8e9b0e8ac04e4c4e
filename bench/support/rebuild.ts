import pg from 'pg'
import type { Filled, FillOrder } from './fill-log.ts'
import type { LapelUnderTest } from './lapel.ts'
import { treeCpuSeconds } from './process-tree.ts'
import { runProgram } from './programs.ts'
import { shown } from './statistics.ts'

type Rebuilt = {
  readonly projection: string
  readonly seconds: number
  readonly equal: boolean
}

/** What one rebuild took: on the clock until its tables were whole, and of CPU of all of the node, with the comparison. */
type Cost = { readonly seconds: number; readonly cpuSeconds: number }

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
    const before = treeCpuSeconds(lapel.pid)
    const [first] = await rebuild(lapel, names)
    costs.push({
      // Of a history that has nothing there is nothing to rebuild.
      seconds: first?.seconds ?? 0,
      cpuSeconds: first ? treeCpuSeconds(lapel.pid) - before : 0,
    })
  }
  const least = (pick: (cost: Cost) => number) => Math.min(...costs.map(pick))
  return {
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
  readonly lifecycle: number
  readonly observations: number
  /** Heartbeats a second of the history. */
  readonly history: number
}

const rateOf = (count: number, before: Cost, after: Cost): Rate => ({
  perSecond: count / (after.seconds - before.seconds),
  cpuUs: ((after.cpuSeconds - before.cpuSeconds) * 1e6) / count,
})

const said = (what: string, count: number, { perSecond, cpuUs }: Rate): string =>
  `rebuild of ${count.toLocaleString('en')} ${what}: ${shown(perSecond)}/s, ${shown(cpuUs)} us CPU each of all processes, with the comparison`

/** What a rebuild folds a second: of lifecycle events, of observations, and of the history's heartbeats, each as the difference that they make. */
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
    const before = await costOf(lapel, models)
    // The history hears of other events from time to time only.
    const { events } = await fill({ devices, commits: 0 }, models)
    const withEvents = await costOf(lapel, models)
    const historyBefore = await costOf(lapel, [history])
    const { observations } = await fill({ devices: 0, commits }, [...models, history])
    const withAll = await costOf(lapel, models)
    const historyAfter = await costOf(lapel, [history])
    const rates = {
      lifecycle: rateOf(events, before, withEvents),
      observations: rateOf(observations, withEvents, withAll),
      history: rateOf(observations, historyBefore, historyAfter),
    }
    console.log(said('lifecycle events', events, rates.lifecycle))
    console.log(said('observations', observations, rates.observations))
    console.log(said('heartbeats of the history', observations, rates.history))
    return {
      lifecycle: rates.lifecycle.perSecond,
      observations: rates.observations.perSecond,
      history: rates.history.perSecond,
    }
  } finally {
    await client.end()
  }
}

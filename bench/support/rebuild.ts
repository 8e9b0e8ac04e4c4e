import type { Filled, FillOrder } from './fill-log.ts'
import type { LapelUnderTest } from './lapel.ts'
import { runProgram } from './programs.ts'

type Rebuilt = { readonly seconds: number; readonly equal: boolean }

/** All read models from zero, while nothing else is asked of the node. */
const rebuild = async ({ httpPort, admin }: LapelUnderTest): Promise<number> => {
  const response = await fetch(`http://127.0.0.1:${httpPort}/internal/rebuild`, {
    method: 'POST',
    headers: { authorization: `Bearer ${admin}` },
  })
  const body = (await response.json()) as { readonly data?: readonly Rebuilt[] }
  const { data } = body
  if (!data) throw new Error(`a rebuild ended with ${response.status}: ${JSON.stringify(body)}`)
  if (!data.every(({ equal }) => equal)) throw new Error('a rebuilt read model differs')
  return data[0]?.seconds ?? Number.NaN
}

/** Whether the projector has met what was just put into the log. */
const caughtUp = async (lapel: LapelUnderTest): Promise<void> => {
  for (const deadline = Date.now() + 120_000; Date.now() < deadline; ) {
    const response = await fetch(`http://127.0.0.1:${lapel.httpPort}/health/ready`)
    const { checks } = (await response.json()) as {
      checks: Record<string, { status: string; lag_ms?: number }>
    }
    if (checks['projections']?.status === 'ok' && checks['projections'].lag_ms === 0) return
    await new Promise((resolve) => setTimeout(resolve, 100))
  }
  throw new Error('the projector did not catch up within 120 s')
}

export type RebuildRates = { readonly lifecycle: number; readonly observations: number }

/** What a rebuild folds a second: of lifecycle events, and of observations, each as the difference that they make. */
export const measureRebuild = async (
  lapel: LapelUnderTest,
  { devices, commits }: Pick<FillOrder, 'devices' | 'commits'>,
): Promise<RebuildRates> => {
  const { eventStoreUrl, databaseUrl, secretsFile } = lapel
  const fill = async (what: Pick<FillOrder, 'devices' | 'commits'>): Promise<Filled> => {
    const order: FillOrder = { eventStoreUrl, databaseUrl, secretsFile, ...what }
    const filled = await runProgram<Filled>('bench/support/fill-log.ts', JSON.stringify(order))
    await caughtUp(lapel)
    return filled
  }
  const before = await rebuild(lapel)
  const { events } = await fill({ devices, commits: 0 })
  const withEvents = await rebuild(lapel)
  const { observations } = await fill({ devices: 0, commits })
  const withAll = await rebuild(lapel)
  return {
    lifecycle: events / (withEvents - before),
    observations: observations / (withAll - withEvents),
  }
}

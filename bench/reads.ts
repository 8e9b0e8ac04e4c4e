import type { HttpMeasured, HttpOrder } from './support/http-load.ts'
import { startLapel } from './support/lapel.ts'
import { runProgram, startProgram } from './support/programs.ts'
import { median, table } from './support/statistics.ts'

const rounds = 5

const lapel = await startLapel()
const bare = await startProgram('bench/peers/bare-koa.ts', lapel.databaseUrl)
try {
  const devices = await lapel.bindDevices(200)
  const order = {
    paths: devices.map(({ id }) => `/v1/devices/${id}`),
    authorization: lapel.key,
    connections: 32,
    warmupSeconds: 1,
    seconds: 4,
  }
  const results: Record<string, HttpMeasured[]> = { 'bare Koa + pg': [], lapel: [] }
  for (let round = 0; round < rounds; round += 1)
    for (const [name, port] of [
      ['bare Koa + pg', Number(bare.ready)],
      ['lapel', lapel.httpPort],
    ] as const) {
      const full: HttpOrder = { ...order, port }
      results[name]?.push(
        await runProgram<HttpMeasured>('bench/support/http-load.ts', JSON.stringify(full)),
      )
    }
  const of = (name: string, pick: (m: HttpMeasured) => number) =>
    median((results[name] ?? []).map(pick))
  const base = of('bare Koa + pg', (m) => m.rate)
  console.log(
    table([
      ['GET /v1/devices/{id}, 32 connections', 'reads/s', 'ratio', 'p50 ms', 'p99 ms', 'failed'],
      ...Object.keys(results).map((name) => [
        name,
        of(name, (m) => m.rate),
        of(name, (m) => m.rate) / base,
        of(name, (m) => m.p50Ms),
        of(name, (m) => m.p99Ms),
        of(name, (m) => m.failed),
      ]),
    ]),
  )
} finally {
  await bare.stop()
  await lapel.stop()
}

import { parseArgs } from 'node:util'
import { serve } from '../served.ts'
import { fuzz } from './fuzz.ts'

// `node test/http/fuzz/run.ts --requests 10000 --seed 1`

const { values } = parseArgs({
  options: { requests: { type: 'string', default: '10000' }, seed: { type: 'string' } },
})
const seed = Number(values.seed ?? Date.now() % 2 ** 31)
const served = await serve()
try {
  console.log(`seed ${seed}`)
  const started = performance.now()
  const { requests, statuses, routes } = await fuzz(served, {
    requests: Number(values.requests),
    seed,
  })
  const seconds = (performance.now() - started) / 1_000
  console.log(`${requests} requests to ${routes} routes in ${seconds.toFixed(0)} s`)
  for (const [status, count] of [...statuses].sort(([a], [b]) => a - b))
    console.log(`${status}  ${count}`)
} finally {
  await served.end()
}

import { parseArgs } from 'node:util'
import { serveLapel } from '../../support/served-lapel.ts'
import { fuzz } from './fuzz.ts'

// `node test/mqtt/fuzz/run.ts --connections 100000 --seed 1`: mutated frames against one node; 1 where it ends or grows.

const growthMibBound = 200
const { values } = parseArgs({
  options: {
    connections: { type: 'string', default: '100000' },
    seed: { type: 'string', default: `${Date.now() % 1_000_000}` },
  },
})
const seed = Number(values.seed)
const lapel = await serveLapel({ LAPEL_LOG: 'error' })
const tokens: string[] = []
for (let i = 0; i < 100; i += 1) tokens.push((await lapel.boundDevice()).token)
console.log(`seed ${seed}`)
const result = await fuzz({
  port: lapel.mqttPort,
  pid: lapel.node.pid,
  tokens,
  connections: Number(values.connections),
  seed,
})
const ready = await fetch(`${lapel.http}/health/ready`).then(
  ({ status }) => status,
  () => 0,
)
console.log({ ...result, seed, ready })
await lapel.stop()
await lapel.remove()
process.exitCode = ready === 200 && result.growthMib < growthMibBound ? 0 : 1

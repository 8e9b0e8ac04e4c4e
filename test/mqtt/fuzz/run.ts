import { parseArgs } from 'node:util'
import { serveLapel } from '../../support/served-lapel.ts'
import { fuzz } from './fuzz.ts'

// `node test/mqtt/fuzz/run.ts --connections 100000 --seed 1`: mutated frames against one node; 1 where it ends or grows.

const parts = 4
const lateGrowthMibBound = 100
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
// What is bounded grows at first and stops: the second half tells.
const growths: number[] = []
let answered = 0
const part = Math.ceil(Number(values.connections) / parts)
for (let i = 0; i < parts; i += 1) {
  const { mqttPort: port, node } = lapel
  const options = { port, pid: node.pid, tokens, connections: part, seed: seed + i * part }
  const result = await fuzz(options)
  answered += result.answered
  growths.push(Math.round(result.growthMib))
  console.log(`${(i + 1) * part} connections, ${answered} answered, ${growths.join(' + ')} MiB`)
}
const late = growths.slice(parts / 2).reduce((sum, mib) => sum + mib, 0)
const ready = await fetch(`${lapel.http}/health/ready`).then(
  ({ status }) => status,
  () => 0,
)
console.log({ seed, ready, late })
await lapel.stop()
await lapel.remove()
process.exitCode = ready === 200 && late < lateGrowthMibBound ? 0 : 1

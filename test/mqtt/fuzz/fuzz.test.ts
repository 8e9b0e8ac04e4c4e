import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { beat, openEdge } from '../../support/mqtt-edge.ts'
import { hostileBytes, seeded } from './frames.ts'
import { fuzz } from './fuzz.ts'

const test = suite('MQTT: mutated frames')
const edge = await openEdge({ LAPEL_LOG: 'error' })
const { lapel, port, signedIn, entriesOf } = edge

test('a seed says the same again', () => {
  const of = (seed: number) => hostileBytes(seeded(seed), 'dtok_x').toString('hex')
  assert.is(of(42), of(42))
  assert.is.not(of(42), of(43))
})

test('the node lives, serves, and does not grow', async () => {
  const seed = Date.now() % 1_000_000
  const tokens: string[] = []
  for (let i = 0; i < 20; i += 1) tokens.push((await lapel.boundDevice()).token)
  const honest = await lapel.boundDevice()
  const raw = await signedIn(honest)
  const options = { port, pid: lapel.node.pid, tokens, connections: 1_500, seed }
  const { answered, growthMib } = await fuzz(options)
  const told = `seed ${seed}: ${answered} answered, ${growthMib} MiB`
  console.log(told)
  assert.ok(answered > 100 && growthMib < 150, told)
  beat(raw, 1, { boot: 1, seq: 1 })
  await raw.take('puback')
  raw.end()
  assert.is((await entriesOf(honest)).length, 1, told)
  assert.is((await fetch(`${lapel.http}/health/ready`)).status, 200, told)
})

test.after(edge.end)

test.run()

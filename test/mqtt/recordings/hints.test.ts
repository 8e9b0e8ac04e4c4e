import { randomUUID } from 'node:crypto'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { chunkOf, openRecordingEdge } from '../../support/recording-edge.ts'

const test = suite('what is looked for in the object store after a message')
const edge = await openRecordingEdge()

const chunks = (...indices: readonly number[]) => ({ chunks: indices.map(chunkOf) })
const start = { codec: 'opus', sample_rate: 16_000, started_at: 1_785_000_000_000 }
const finish = (total: number) => ({
  total_chunks: total,
  total_bytes: 1,
  duration_ms: 1_000,
  ended_at: 1_785_000_001_000,
})

/** A device that says one thing after the other; what each message made be looked for. */
const speaker = async () => {
  const bound = await edge.newDevice()
  const device = await edge.listen(bound.token)
  const id = randomUUID()
  const said = async (message: string, body: object): Promise<readonly (readonly number[])[]> => {
    const before = edge.hints.length
    await device.publish(`v1/devices/me/recordings/${id}/${message}`, { boot: 1, ...body })
    return edge.hints.slice(before)
  }
  const store = (...indices: readonly number[]) => edge.store(id, bound, indices)
  return { said, store, end: () => device.end() }
}

test('what was just announced is not, what was announced before it is, not at each message', async () => {
  const one = await speaker()
  assert.equal(await one.said('start', start), [])
  assert.equal(await one.said('chunks', chunks(1, 2)), [])
  assert.equal(await one.said('chunks', chunks(3)), [[1, 2]])
  assert.equal(await one.said('chunks', chunks(4)), [])
  await one.end()
})

test('what is said again is, and all at the end', async () => {
  const one = await speaker()
  assert.equal(await one.said('chunks', chunks(1, 2)), [])
  assert.equal(await one.said('chunks', chunks(2, 3)), [[1, 2, 3]])
  await one.store(1)
  assert.equal(await one.said('chunks', chunks(3)), [[2, 3]])
  assert.equal(await one.said('finish', finish(3)), [[2, 3]])
  await one.end()
})

test('a start or an end that comes last makes the whole be put together', async () => {
  const one = await speaker()
  assert.equal(await one.said('chunks', chunks(1)), [])
  await one.store(1)
  assert.equal(await one.said('finish', finish(1)), [[]])
  assert.equal(await one.said('start', start), [[]])
  await one.end()
})

test.after(edge.end)
test.run()

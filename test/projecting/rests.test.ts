import { randomBytes, randomUUID } from 'node:crypto'
import { setImmediate as turn } from 'node:timers/promises'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { newId, newNodeId } from '../../protocol/ids.ts'
import { instantOf } from '../../protocol/instant.ts'
import { batchEntriesMax, batchEventsMax, heartbeatBatchEntriesMax } from '../../protocol/limits.ts'
import type { Projector } from '../../src/projecting/projector.ts'
import { ingestStream } from '../../src/store/streams.ts'
import { openStage } from '../support/stage.ts'
import { until } from '../support/until.ts'

const test = suite('rests between batches')
const stage = await openStage()
const project = await stage.world()
const id = newId('dev_', randomBytes)
const rx = instantOf(Date.now())
const entry = { k: 'heartbeat', via: 'mqtt', p: project, d: id, by: 'A'.repeat(12), rx, data: {} }

const hourMs = 3_600_000
const commitMax = 1_000
/** So many commits of so many heartbeats each. */
const beats = async (count: number, commits = 1): Promise<bigint> => {
  const entries = Array.from({ length: count }, () => entry)
  const data = Buffer.from(JSON.stringify({ v: 1, entries }))
  const events = Array.from({ length: commits }, () => {
    return { id: randomUUID(), type: 'IngestCommitted', data, metadata: { v: 1 } }
  })
  const stream = ingestStream(newNodeId(randomBytes), 0, Date.now())
  const done = await stage.store.append(stream, events, 'no_stream')
  if (done.kind !== 'appended') throw new Error('conflict')
  return done.position
}

const reached = async (follower: Projector, position: bigint) =>
  assert.ok(await follower.waitFor(position, 20_000))

/** Has read everything, and rests; its clock is then set back, so that the rest does not end by itself. */
const resting = async (begin: (given: { monotonic: () => number }) => Projector) => {
  let backMs = 0
  const follower = begin({ monotonic: () => performance.now() - backMs })
  await reached(follower, await beats(1))
  // The rest is counted from what is reached, in the same turn.
  await turn()
  backMs = hourMs
  return follower
}
const restingRows = async () => {
  const projector = await resting(stage.projector)
  await until(() => projector.health().status === 'ok', { what: 'the end of the log' })
  return projector
}

test('a decision ends the rest, and takes along what waits', async () => {
  const projector = await restingRows()
  const waiting = await beats(1)
  await stage.world()
  await reached(projector, waiting)
  await projector.close()
})

for (const [what, begin, most] of [
  ['rows', restingRows, batchEntriesMax],
  ['the history', () => resting(stage.heartbeats), heartbeatBatchEntriesMax],
] as const) {
  test(`a batch of ${what} that holds as many commits as it may does not wait for the rest`, async () => {
    const follower = await begin()
    await beats(1, batchEventsMax - 1)
    await reached(follower, await beats(1))
    await follower.close()
  })

  test(`a full batch of ${what} does not wait for the rest, and what is one less does`, async () => {
    const follower = await begin()
    const commits = Math.ceil(most / commitMax)
    for (let i = 1; i < commits; i += 1) await beats(commitMax)
    await beats(most - (commits - 1) * commitMax - 1)
    // Had the others gone before it, it would wait for ever.
    await reached(follower, await beats(1))
    await follower.close()
  })
}

test.after(() => stage.end())

test.run()

import { randomBytes } from 'node:crypto'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { newId } from '../../protocol/ids.ts'
import { mqttHoldBackMsMax, mqttProjectBurstSeconds } from '../../protocol/limits.ts'
import { ProjectRates } from '../../src/mqtt/project-rates.ts'

const test = suite('the rate of a project')
const [noisy, quiet] = [newId('proj_', randomBytes), newId('proj_', randomBytes)]

test('a node lets pass its share of the limit, and the burst of that', () => {
  let nodes = 1
  const rates = new ProjectRates({ device: 50, project: 100, liveNodes: () => nodes })
  const bucket = rates.bucketOf(noisy, 0)
  for (let i = 0; i < 100 * mqttProjectBurstSeconds; i += 1) assert.is(bucket.take(0), 0)
  assert.is(bucket.take(0), 10)
  nodes = 4
  assert.is(bucket.take(10), 70)
})

test('what one project sends another does not wait for, and no debt is longer than the longest wait', () => {
  const rates = new ProjectRates({ device: 50, project: 100, liveNodes: () => 1 })
  const bucket = rates.bucketOf(noisy, 0)
  let refused = 0
  for (let i = 0; i < 50 * 100; i += 1)
    if (bucket.take(0) > mqttHoldBackMsMax) {
      bucket.giveBack()
      refused += 1
    }
  assert.is(50 * 100 - refused, 100 * (mqttProjectBurstSeconds + mqttHoldBackMsMax / 1_000))
  assert.is(bucket.take(1_000), mqttHoldBackMsMax - 990)
  assert.is(rates.bucketOf(quiet, 0).take(0), 0)
})

test('a rate of 0 is no limit', () => {
  const bucket = new ProjectRates({ device: 0, project: 0, liveNodes: () => 1 }).bucketOf(noisy, 0)
  for (let i = 0; i < 1_000; i += 1) assert.is(bucket.take(0), 0)
})

test.run()

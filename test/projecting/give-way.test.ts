import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { batchEntriesMax, busyLoopSlotMs, busyRowsBehindMsMax } from '../../protocol/limits.ts'
import type { Entry } from '../../protocol/observations.ts'
import type { Decoded } from '../../src/projecting/decode.ts'
import { giveWay, mayGiveWay } from '../../src/projecting/give-way.ts'

const never = new AbortController().signal
const hourMs = 3_600_000

test('it rests while others are many, and no longer', async () => {
  let looks = 0
  await giveWay(hourMs, () => looks++ < 2, never)
  assert.is(looks, 3)
})

test('it rests no longer than that, however many they are', async () => {
  let looks = 0
  const isBusy = () => {
    looks += 1
    return true
  }
  await giveWay(busyLoopSlotMs + 1, isBusy, never)
  assert.is(looks, 2)
})

test('it does not rest where nobody waits, nor past the signal', async () => {
  await giveWay(hourMs, () => false, never)
  const ending = new AbortController()
  const resting = giveWay(hourMs, () => true, ending.signal)
  ending.abort()
  await resting
})

const receivedMs = Date.parse('2026-11-22T12:00:00.000Z')
const observed = (count: number): Decoded => ({
  kind: 'observed',
  position: 1n,
  entries: Array.from({ length: count }, () => ({ rx: '2026-11-22T12:00:00.000Z' }) as Entry),
})

test('rows give way behind a full batch, until they are too far behind', () => {
  const full = [
    observed(batchEntriesMax - 1),
    observed(1),
    { kind: 'nothing', position: 2n },
  ] as const
  assert.is(mayGiveWay(full, receivedMs), true)
  assert.is(mayGiveWay(full, receivedMs + busyRowsBehindMsMax - 1), true)
  assert.is(mayGiveWay(full, receivedMs + busyRowsBehindMsMax), false)
  assert.is(mayGiveWay([observed(batchEntriesMax - 1)], receivedMs), false)
  assert.is(mayGiveWay([], receivedMs), false)
})

test.run()

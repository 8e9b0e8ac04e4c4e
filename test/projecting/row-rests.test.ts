import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { allProjections } from '../../projections/all.ts'
import {
  batchEventsMax,
  projectorDecisionGapMs,
  projectorSmallRestMsMax,
} from '../../protocol/limits.ts'
import type { Decoded } from '../../src/projecting/decode.ts'
import { RowRests } from '../../src/projecting/row-rests.ts'

const test = suite('rests of the rows')

const observed = { kind: 'observed', entries: [{}, {}] } as unknown as Decoded
const recorded = { kind: 'recorded' } as unknown as Decoded

const batch = (...decoded: readonly Decoded[]) => ({ decoded, to: 1n, caughtUp: false })

/** A batch began at 100 and ended at 104. */
const after = (...decoded: readonly Decoded[]): RowRests => {
  const rests = new RowRests(allProjections)
  rests.begin(100)
  rests.end(decoded, 104)
  return rests
}

test('heartbeats wait for the rest behind heartbeats', () => {
  const rests = after(observed)
  assert.is(rests.waitMs(batch(observed), 104), 4)
  assert.is(rests.waitMs(batch(observed), 106), 2)
  const many = after(...Array.from({ length: 20 }, () => observed))
  assert.is(many.waitMs(batch(observed), 104), projectorSmallRestMsMax)
})

test('behind a decision nothing rests', () => {
  assert.is(after(recorded).waitMs(batch(observed), 104), 0)
})

test('a decision waits for no rest, but for the gap between batches that hold one', () => {
  const rests = after(observed)
  const gapEnd = 100 + projectorDecisionGapMs
  assert.is(rests.waitMs(batch(observed, recorded), 104), gapEnd - 104)
  assert.is(rests.waitMs(batch(observed, recorded), gapEnd), 0)
  // Whatever becomes of the clock.
  assert.is(rests.waitMs(batch(observed, recorded), -1_000), projectorDecisionGapMs)
  assert.is(new RowRests(allProjections).waitMs(batch(observed, recorded), 0), 0)
})

test('a full batch and the end of the log wait for nothing', () => {
  const rests = after(observed)
  const events = Array.from({ length: batchEventsMax }, () => recorded)
  assert.is(rests.waitMs(batch(...events), 104), 0)
  assert.is(rests.waitMs({ ...batch(observed), caughtUp: true }, 104), 0)
})

test.run()

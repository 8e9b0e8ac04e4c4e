import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { progressText } from '../../src/cli/progress-bar.ts'

const test = suite('the progress bar')

test('says how far it is, at what rate, and how long it takes yet', () => {
  const at = (done: number, of: number, seconds: number) =>
    progressText({ done, of, seconds, things: 12_345 }, 'events')
  assert.is(at(50, 200, 5), '[██████··················]  25 %  2,469 events/s  0:15 left')
  assert.is(at(0, 200, 0), '[························]   0 %  0 events/s  – left')
  assert.is(at(200, 200, 61), '[████████████████████████] 100 %  202 events/s  0:00 left')
  assert.is(at(1, 0, 1).slice(0, 32), '[████████████████████████] 100 %')
  assert.match(at(1, 100, 60), / 99:00 left$/)
  const writing = { done: 200, of: 200, seconds: 5, things: 12_345, now: 'writing' }
  assert.match(progressText(writing, 'events'), /100 % {2}2,469 events\/s {2}writing$/)
})

test.run()

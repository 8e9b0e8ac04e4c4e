import { test } from 'uvu'
import * as assert from 'uvu/assert'
import {
  CatchUpCheckpoints,
  liveCheckpoints,
} from '../../src/embedded/event-store/checkpoint-rules.ts'

// Event 0 is the one that the subscription begins at; recorded from EventStoreDB 24.2.
const catchUp = (events: number, every: number, window: number, interval: number): string => {
  const rules = new CatchUpCheckpoints(window, interval)
  const due: (number | undefined)[] = []
  for (let event = 0; event <= events; event += 1)
    due.push(rules.consider(event, event > 0 && every > 0 && event % every === 0))
  due.push(rules.end())
  return due.filter((one) => one !== undefined).join(' ')
}

// others, every n-th matches, window, interval, checkpoints
const cases: readonly (readonly [number, number, number, number, string])[] = [
  [0, 0, 10, 1, ''],
  [1, 0, 10, 1, '0'],
  [31, 0, 32, 1, '0'],
  [32, 0, 32, 1, '0'],
  [33, 0, 32, 1, '0'],
  [64, 0, 32, 1, '0 32'],
  [100, 0, 10, 1, '0 10 20 30 40 50 60 70 80 90'],
  [100, 0, 10, 2, '10 30 50 70 90'],
  [100, 0, 10, 5, '40 90'],
  [100, 0, 32, 1, '0 32 64'],
  [100, 0, 32, 2, '32'],
  [100, 0, 32, 5, '0'],
  [100, 0, 100, 1, '0'],
  [100, 9, 10, 1, '9 18 27 36 45 54 63 72 81 99'],
  [100, 9, 10, 5, '45 99'],
  [100, 9, 32, 1, '27 63 90 99'],
  [100, 9, 32, 2, '63 99'],
  [100, 9, 32, 5, '99'],
  [100, 9, 33, 1, '27 63 90 99'],
  [70, 1, 32, 1, '31 63 70'],
]

for (const [events, every, window, interval, expected] of cases)
  test(`${events} events, every ${every} matches, window ${window}, interval ${interval}`, () => {
    assert.is(catchUp(events, every, window, interval), expected)
  })

test('live, every window × interval-th event has one', () => {
  const consider = liveCheckpoints(10 * 2)
  const due = Array.from({ length: 70 }, (_, i) => consider(101 + i))
  assert.equal(
    due.filter((one) => one !== undefined),
    [120, 140, 160],
  )
})

test.run()

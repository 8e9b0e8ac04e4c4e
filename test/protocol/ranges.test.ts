import * as fc from 'fast-check'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import {
  firstRun,
  gapsIn,
  highest,
  holds,
  onlyIn,
  type Ranges,
  sizeOf,
  withNumbers,
  withoutNumber,
} from '../../protocol/ranges.ts'

const test = suite('ranges')

const numbers = fc.array(fc.integer({ min: 1, max: 40 }), { maxLength: 60 })
const numbersIn = (ranges: Ranges): number[] =>
  ranges.flatMap(([from, to]) => Array.from({ length: to - from + 1 }, (_, i) => from + i))
const sorted = (all: Iterable<number>): number[] => [...all].sort((a, b) => a - b)

test('they hold what was put in and not taken out, whatever the order', () => {
  void fc.assert(
    fc.property(numbers, numbers, (put, taken) => {
      const ranges = taken.reduce(withoutNumber, withNumbers([], put))
      const expected = new Set(put.filter((n) => !taken.includes(n)))
      assert.equal(numbersIn(ranges), sorted(expected))
      assert.is(sizeOf(ranges), expected.size)
      assert.is(highest(ranges), Math.max(0, ...expected))
      for (let n = 0; n <= 41; n += 1) assert.is(holds(ranges, n), expected.has(n))
    }),
  )
})

test('they never touch: as few as can be', () => {
  void fc.assert(
    fc.property(numbers, (put) => {
      const ranges = withNumbers([], put)
      for (const [i, [from, to]] of ranges.entries()) {
        assert.ok(from <= to)
        assert.ok(from > (ranges[i - 1]?.[1] ?? -1) + 1)
      }
    }),
  )
})

test('the first run, the gaps and what only one of two holds', () => {
  void fc.assert(
    fc.property(numbers, numbers, fc.integer({ min: 0, max: 45 }), (first, second, end) => {
      const [one, other] = [withNumbers([], first), withNumbers([], second)]
      const all = Array.from({ length: end }, (_, i) => i + 1)
      const missing = all.filter((n) => !first.includes(n))
      assert.equal(numbersIn(gapsIn(one, end, Number.POSITIVE_INFINITY)), missing)
      assert.equal(gapsIn(one, end, 2), gapsIn(one, end, 99).slice(0, 2))
      const run = firstRun(one)
      assert.ok(Array.from({ length: run }, (_, i) => i + 1).every((n) => first.includes(n)))
      assert.not.ok(first.includes(run + 1))
      const difference = sorted(new Set(first.filter((n) => !second.includes(n))))
      assert.equal(onlyIn(one, other, 99), difference)
      assert.equal(onlyIn(one, other, 3), difference.slice(0, 3))
    }),
  )
})

test.run()

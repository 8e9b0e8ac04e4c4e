import fc from 'fast-check'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { type BootWindow, initialWindow, meet, type Verdict } from '../../protocol/boot-window.ts'
import { bootsRememberedMax, seqWindowMax } from '../../protocol/limits.ts'

const test = suite('boot window')

const boot = '3f0c7a52-6b7d-4f0e-9a53-0e4c8f1d2b6a'
const other = '9a1b7a52-6b7d-4f0e-9a53-0e4c8f1d2b6a'

/** What is said of each number in turn. */
const verdicts = (
  numbers: readonly number[],
  from: BootWindow = initialWindow,
): readonly Verdict[] => {
  let window = from
  return numbers.map((seq) => {
    const met = meet(window, boot, seq)
    window = met.window
    return met.verdict
  })
}

test('a retransmission is met once, in whatever order', () => {
  assert.equal(verdicts([0, 0, 2, 1, 1, 2, 3]), [
    'newest',
    'repeat',
    'newest',
    'late',
    'repeat',
    'repeat',
    'newest',
  ])
})

test('the window at its limit and one past it', () => {
  const high = 1_000
  assert.equal(verdicts([high, high - seqWindowMax + 1, high - seqWindowMax]), [
    'newest',
    'late',
    'below-window',
  ])
  assert.equal(verdicts([high, high + seqWindowMax - 1, high]), ['newest', 'newest', 'repeat'])
  assert.equal(verdicts([high, high + seqWindowMax, high]), ['newest', 'newest', 'below-window'])
})

test('a boot is remembered while no more than the limit came after it', () => {
  const later = (count: number): BootWindow =>
    Array.from({ length: count }, (_, at) => at).reduce(
      (window, next) => meet(window, next, 0).window,
      meet(initialWindow, boot, 0).window,
    )
  assert.is(meet(later(bootsRememberedMax), boot, 1).verdict, 'older-boot')
  assert.is(meet(later(bootsRememberedMax + 1), boot, 1).verdict, 'newest')
})

test('says of any numbers what a list of all of them says', () => {
  const seq = fc.oneof(
    fc.nat(20),
    fc.nat(3 * seqWindowMax),
    fc.constantFrom(0, 2 ** 53 - 1, 2 ** 53 - 2),
  )
  fc.assert(
    fc.property(fc.array(seq, { maxLength: 60, size: 'max' }), (numbers) => {
      let high = -1
      const met = new Set<number>()
      const expected = numbers.map((n): Verdict => {
        const verdict =
          n > high
            ? 'newest'
            : high - n >= seqWindowMax
              ? 'below-window'
              : met.has(n)
                ? 'repeat'
                : 'late'
        high = Math.max(high, n)
        met.add(n)
        return verdict
      })
      assert.equal(verdicts(numbers), expected)
    }),
    { numRuns: 500 },
  )
})

test('a boot that was not seen replaces, and the one before it never comes back', () => {
  const first = meet(initialWindow, boot, 5).window
  const second = meet(first, other, 0)
  assert.is(second.verdict, 'newest')
  const late = meet(second.window, boot, 6)
  assert.equal(late, { window: second.window, verdict: 'older-boot' })
  assert.is(meet(second.window, other, 0).verdict, 'repeat')
})

test('is JSON as it stands, and bounded', () => {
  let window = initialWindow
  for (let i = 0; i < 1_000; i += 1) window = meet(meet(window, i, 0).window, i, i % 7).window
  for (let seq = 0; seq < 1_000; seq += 1) window = meet(window, boot, seq).window
  assert.equal(JSON.parse(JSON.stringify(window)), window)
  assert.ok(JSON.stringify(window).length < 2_000)
})

test.run()

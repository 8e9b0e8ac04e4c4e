import { getHeapSpaceStatistics, setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import fc from 'fast-check'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { ShortLived } from '../../protocol/short-lived.ts'

const test = suite('short-lived')

type Step = readonly ['set' | 'delete' | 'clear', number]
const steps = fc.array(
  fc.oneof(
    { weight: 8, arbitrary: fc.tuple(fc.constant('set' as const), fc.nat(80)) },
    { weight: 8, arbitrary: fc.tuple(fc.constant('delete' as const), fc.nat(80)) },
    { weight: 1, arbitrary: fc.tuple(fc.constant('clear' as const), fc.constant(0)) },
  ),
  { maxLength: 400 },
)

const take = (
  map: Map<number, number> | ShortLived<number, number>,
  [kind, key]: Step,
  n: number,
) => (kind === 'set' ? void map.set(key, n) : kind === 'delete' ? map.delete(key) : map.clear())

test('it says what a map says, in the same order', () => {
  fc.assert(
    fc.property(steps, (given) => {
      const [map, kept] = [new Map<number, number>(), new ShortLived<number, number>()]
      for (const [n, step] of given.entries()) {
        assert.equal(take(kept, step, n), take(map, step, n))
        assert.equal(
          [kept.size, kept.has(step[1]), kept.get(step[1])],
          [map.size, map.has(step[1]), map.get(step[1])],
        )
      }
      assert.equal(kept.entries(), [...map])
      assert.equal([kept.keys(), kept.values()], [[...map.keys()], [...map.values()]])
    }),
    { numRuns: 2_000 },
  )
})

test('what is looked at stays as it was when it is deleted meanwhile', () => {
  const kept = new ShortLived<number, string>()
  for (let i = 0; i < 100; i += 1) kept.set(i, `${i}`)
  let met = 0
  for (const key of kept.keys()) {
    met += 1
    kept.delete(key)
  }
  assert.equal([met, kept.size], [100, 0])
})

const oldBytes = (): number =>
  getHeapSpaceStatistics().find(({ space_name }) => space_name === 'old_space')?.space_used_size ??
  0

/** By how much the old generation grows at most while values come and go that a full collection preceded, four at a time. */
const oldGrowth = (
  map: Map<number, object> | ShortLived<number, object>,
  collect: () => void,
): number => {
  const come = (i: number) => {
    map.set(i, { held: new Array(100).fill(i) })
    map.delete(i - 4)
  }
  for (let i = 0; i < 1_000; i += 1) come(i)
  collect()
  const before = oldBytes()
  let most = before
  for (let i = 1_000; i < 60_000; i += 1) {
    come(i)
    if (i % 500 === 0) most = Math.max(most, oldBytes())
  }
  return most - before
}

test('what went does not outlive the young generation, as it does in a map', () => {
  setFlagsFromString('--expose-gc')
  const collect: () => void = runInNewContext('gc')
  const mib = 1_048_576
  assert.ok(oldGrowth(new ShortLived(), collect) < mib)
  // Should this no longer hold, nothing speaks for another map than the language's.
  assert.ok(oldGrowth(new Map(), collect) > 4 * mib)
})

test.run()

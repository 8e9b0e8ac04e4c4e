import fc from 'fast-check'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { createLru, type Lru } from '../../protocol/lru.ts'

const test = suite('an LRU')

test('holds as many as it may and forgets what was used least recently', () => {
  const evicted: string[] = []
  const lru = createLru<string, number>(2, (key) => evicted.push(key))
  lru.set('a', 1)
  lru.set('b', 2)
  assert.is(lru.get('a'), 1)
  lru.set('c', 3)
  assert.equal([evicted, lru.size(), lru.has('b'), lru.get('a')], [['b'], 2, false, 1])
})

type Entry = readonly [key: number, value: number]

/** The entries from the oldest to the newest. */
class Model {
  readonly #max: number
  entries: Entry[] = []
  readonly evicted: Entry[] = []

  constructor(max: number) {
    this.#max = max
  }

  value(key: number): number | undefined {
    return this.entries.find(([of]) => of === key)?.[1]
  }

  without(key: number): void {
    this.entries = this.entries.filter(([of]) => of !== key)
  }

  put(key: number, value: number): void {
    this.without(key)
    this.entries.push([key, value])
    if (this.entries.length > this.#max) this.evicted.push(...this.entries.splice(0, 1))
  }
}

const keys = [0, 1, 2, 3, 4, 5]
const key = fc.constantFrom(...keys)
type Step = (lru: Lru<number, number>, model: Model) => void

const set = fc.tuple(key, fc.nat()).map(
  ([key, value]): Step =>
    (lru, model) => {
      lru.set(key, value)
      model.put(key, value)
    },
)
const get = key.map(
  (key): Step =>
    (lru, model) => {
      const value = model.value(key)
      assert.is(lru.get(key), value)
      if (value !== undefined) model.put(key, value)
    },
)
const drop = key.map(
  (key): Step =>
    (lru, model) => {
      lru.delete(key)
      model.without(key)
    },
)
const clear = fc.constant<Step>((lru, model) => {
  lru.clear()
  model.entries = []
})
const step = fc.oneof(
  { weight: 4, arbitrary: set },
  { weight: 3, arbitrary: get },
  { weight: 2, arbitrary: drop },
  { weight: 1, arbitrary: clear },
)

test('is a list of its entries from the oldest to the newest', () => {
  const agree = (max: number, steps: readonly Step[]) => {
    const evicted: Entry[] = []
    const lru = createLru<number, number>(max, (...entry) => evicted.push(entry))
    const model = new Model(max)
    for (const take of steps) {
      take(lru, model)
      assert.is(lru.size(), model.entries.length)
      for (const key of keys) assert.is(lru.has(key), model.value(key) !== undefined)
    }
    assert.equal(evicted, model.evicted)
  }
  fc.assert(fc.property(fc.integer({ min: 1, max: 4 }), fc.array(step, { maxLength: 40 }), agree))
})

test.run()

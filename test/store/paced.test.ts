import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { createPaced } from '../../src/store/paced.ts'
import { until } from '../support/until.ts'

const test = suite('what is given at a pace')

const setUp = (gapMs: number) => {
  const given: (readonly string[])[] = []
  return { given, paced: createPaced<string>(gapMs, (items) => given.push(items)) }
}

test('the first is given at once, what comes soon after it together, in its order', async () => {
  const { given, paced } = setUp(5)
  for (const one of ['a', 'b', 'c']) paced.add(one)
  assert.equal(given, [['a']])
  await until(() => given.length === 2, { what: 'the rest' })
  assert.equal(given, [['a'], ['b', 'c']])
})

test('what waits can be had at once, and the pace stays', () => {
  const { given, paced } = setUp(50)
  paced.add('a')
  paced.add('b')
  paced.flush()
  paced.flush()
  assert.equal(given, [['a'], ['b']])
  paced.add('c')
  assert.equal(given, [['a'], ['b']], 'still within the gap')
})

test('after a gap without anything the next is given at once again', async () => {
  const { given, paced } = setUp(1)
  let tries = 0
  await until(
    () => {
      tries += 1
      const before = given.length
      paced.add(`${tries}`)
      return tries > 1 && given.length === before + 1
    },
    { what: 'one that is given in its own step', everyMs: 20 },
  )
  assert.equal(given.flat().at(-1), `${tries}`)
})

test.run()

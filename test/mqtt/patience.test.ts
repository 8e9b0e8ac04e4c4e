import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { Patience } from '../../src/mqtt/patience.ts'
import { until } from '../support/until.ts'

const test = suite('patience with those who say nothing')

test('whoever stays too long is ended, in the order of coming; whoever was released is not', async () => {
  const ended: string[] = []
  const patience = new Patience<{ readonly name: string }>(20, ({ name }) => ended.push(name))
  const [first, second, released] = ['first', 'second', 'released'].map((name) => ({ name }))
  const from = performance.now()
  for (const guest of [first, released, second]) if (guest) patience.wait(guest)
  if (released) patience.release(released)
  await until(() => ended.length === 2, { what: 'the end of two', everyMs: 1 })
  assert.ok(performance.now() - from >= 20)
  assert.equal(ended, ['first', 'second'])
})

test('after nobody was left, and for who comes while another waits, it goes on', async () => {
  const ended: string[] = []
  const patience = new Patience<{ readonly name: string }>(10, ({ name }) => ended.push(name))
  for (const name of ['one', 'two', 'three']) {
    patience.wait({ name })
    const count = ended.length
    await until(() => ended.length > count, { what: `the end of ${name}`, everyMs: 1 })
  }
  patience.wait({ name: 'four' })
  patience.wait({ name: 'five' })
  await until(() => ended.length === 5, { what: 'both', everyMs: 1 })
  assert.equal(ended, ['one', 'two', 'three', 'four', 'five'])
})

test.run()

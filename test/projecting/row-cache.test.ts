import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { createRowCache } from '../../src/projecting/row-cache.ts'

const test = suite('rows that were used last')

test('one past the limit forgets the one that was used longest ago', () => {
  const rowsMax = 5
  const cache = createRowCache(rowsMax)
  for (let id = 0; id < rowsMax; id += 1) cache.put(String(id), {})
  cache.put('0', {})
  assert.ok(cache.get('1'))
  cache.put('one more', {})
  assert.is(cache.get('2'), undefined)
  assert.ok(['0', '1', '3', 'one more'].every((id) => cache.get(id)))
})

test.run()

import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { healthCacheRowsMax } from '../../protocol/limits.ts'
import { createRowCache } from '../../src/projecting/row-cache.ts'

const test = suite('rows that were written last')

test('one past the limit forgets the one that was written longest ago', () => {
  const cache = createRowCache()
  for (let id = 0; id < healthCacheRowsMax; id += 1) cache.put(String(id), {})
  cache.put('0', {})
  assert.ok(cache.get('0') && cache.get('1'))
  cache.put('one more', {})
  assert.is(cache.get('1'), undefined)
  assert.ok(cache.get('0') && cache.get('2') && cache.get('one more'))
})

test.run()

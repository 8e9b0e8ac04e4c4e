import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { gathered } from '../../src/store/gathered.ts'
import { until } from '../support/until.ts'

const test = suite('gathered reads')

/** Reads that end when they are told to. */
const setUp = (keysMax = 3) => {
  const reads: { keys: readonly string[]; end: (failure?: Error) => void }[] = []
  const read = (keys: readonly string[]) =>
    new Promise<Map<string, string>>((resolve, reject) => {
      const known = new Map(keys.filter((key) => key !== 'none').map((key) => [key, `${key}!`]))
      reads.push({ keys, end: (failure) => (failure ? reject(failure) : resolve(known)) })
    })
  return { reads, ask: gathered(read, { readsMax: 2, keysMax, gapMs: 1 }) }
}

test('what is asked for within a moment, or while others are read, is read together, so many at a time', async () => {
  const { reads, ask } = setUp()
  const first = ask('a')
  const asked = ['b', 'b', 'c', 'd', 'none', 'e'].map(ask)
  assert.equal(
    reads.map(({ keys }) => keys),
    [['a']],
    'the first waits for nobody',
  )
  await until(() => reads.length === 2, { what: 'the second read' })
  assert.equal(reads[1]?.keys, ['b', 'c'], 'three were taken, two of them the same')
  reads[0]?.end()
  assert.is(await first, 'a!')
  assert.equal(reads[2]?.keys, ['d', 'none', 'e'])
  reads[1]?.end()
  reads[2]?.end()
  assert.equal(await Promise.all(asked), ['b!', 'b!', 'c!', 'd!', undefined, 'e!'])
})

test('a read that fails, fails for its keys alone', async () => {
  const { reads, ask } = setUp()
  const [one, other, later] = [ask('a'), ask('b'), ask('c')]
  reads[0]?.end(new Error('gone'))
  assert.is(await one.catch((error: Error) => error.message), 'gone')
  await until(() => reads.length === 2, { what: 'the second read' })
  reads[1]?.end()
  assert.equal(await Promise.all([other, later]), ['b!', 'c!'])
})

test.run()

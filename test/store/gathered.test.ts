import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { gathered } from '../../src/store/gathered.ts'

const test = suite('gathered reads')

/** Reads that end when they are told to. */
const setUp = (keysMax = 3) => {
  const reads: { keys: readonly string[]; end: (failure?: Error) => void }[] = []
  const read = (keys: readonly string[]) =>
    new Promise<Map<string, string>>((resolve, reject) => {
      const known = new Map(keys.filter((key) => key !== 'none').map((key) => [key, `${key}!`]))
      reads.push({ keys, end: (failure) => (failure ? reject(failure) : resolve(known)) })
    })
  return { reads, ask: gathered(read, { readsMax: 2, keysMax }) }
}

test('what is asked for while others are read is read together, so many at a time', async () => {
  const { reads, ask } = setUp()
  const asked = ['a', 'b', 'c', 'd', 'd', 'none', 'e'].map(ask)
  assert.equal(
    reads.map(({ keys }) => keys),
    [['a'], ['b']],
  )
  reads[0]?.end()
  assert.is(await asked[0], 'a!')
  assert.equal(reads[2]?.keys, ['c', 'd'], 'three were taken, two of them the same')
  reads[1]?.end()
  await asked[1]
  assert.equal(reads[3]?.keys, ['none', 'e'])
  reads[2]?.end()
  reads[3]?.end()
  assert.equal(await Promise.all(asked), ['a!', 'b!', 'c!', 'd!', 'd!', undefined, 'e!'])
})

test('a read that fails, fails for its keys alone', async () => {
  const { reads, ask } = setUp()
  const [one, other, later] = [ask('a'), ask('b'), ask('c')]
  reads[0]?.end(new Error('gone'))
  assert.is(await one.catch((error: Error) => error.message), 'gone')
  reads[1]?.end()
  reads[2]?.end()
  assert.equal(await Promise.all([other, later]), ['b!', 'c!'])
})

test.run()

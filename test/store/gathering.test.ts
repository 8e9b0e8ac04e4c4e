import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { gatherEntriesMin } from '../../protocol/limits.ts'
import { Gathering } from '../../src/store/gathering.ts'

const test = suite('gathering')

/** Whether it waits, when that many were answered and that many wait. */
const waits = async (answered: number, waiting = 0, most = 1_000): Promise<boolean> => {
  const turn = new Promise<true>((resolve) => setImmediate(() => resolve(true)))
  const ended = new Gathering().wait(answered, waiting, most).then(() => false)
  return Promise.race([ended, turn])
}

test('a few never wait, many do unless a commit is full', async () => {
  assert.is(await waits(gatherEntriesMin - 1), false)
  assert.is(await waits(gatherEntriesMin), true)
  assert.is(await waits(gatherEntriesMin, 1_000, 1_000), false)
})

test('it ends when those who were answered are there again', async () => {
  const gathering = new Gathering()
  let ended = false
  const waited = gathering.wait(gatherEntriesMin, 3, 1_000).then(() => {
    ended = true
  })
  gathering.met(gatherEntriesMin + 2)
  await Promise.resolve()
  assert.is(ended, false)
  gathering.met(gatherEntriesMin + 3)
  await waited
})

test.run()

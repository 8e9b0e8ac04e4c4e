import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import {
  busySlotEntriesMin,
  busySlotMs,
  commitGapMs,
  gatherEntriesMin,
} from '../../protocol/limits.ts'
import { Gathering, Traffic } from '../../src/store/gathering.ts'

const test = suite('gathering')

/** Looked at between microtasks alone, where no timer ends a wait, however late the clock of this machine. */
const isOpen = async (work: Promise<unknown>): Promise<boolean> => {
  let open = true
  void work.then(() => {
    open = false
  })
  for (let turn = 0; turn < 8; turn += 1) await null
  return open
}

/** Whether it waits, when that many were answered and that many wait. */
const waits = (answered: number, waiting = 0, most = 1_000): Promise<boolean> =>
  isOpen(new Gathering(() => 0).answered(answered, waiting, most))

test('a few never wait, many do unless a commit is full', async () => {
  assert.is(await waits(gatherEntriesMin - 1), false)
  assert.is(await waits(gatherEntriesMin), true)
  assert.is(await waits(gatherEntriesMin, 1_000, 1_000), false)
})

test('it ends when those who were answered are there again', async () => {
  const gathering = new Gathering(() => 0)
  let ended = false
  const waited = gathering.answered(gatherEntriesMin, 3, 1_000).then(() => {
    ended = true
  })
  gathering.met(gatherEntriesMin + 2, 0)
  await Promise.resolve()
  assert.is(ended, false)
  gathering.met(gatherEntriesMin + 3, 0)
  await waited
})

/** A shard that began a commit then, and meets so many entries of its node in that slot. */
const began = async (entries: number, ms = 0) => {
  const clock = { ms }
  const traffic = new Traffic()
  const gathering = new Gathering(() => clock.ms, traffic)
  assert.is(await gathering.begin(1), false)
  for (let n = 0; n < entries; n += 1) traffic.met(clock.ms)
  return { clock, gathering }
}

test('on a busy node a shard begins a commit at most once in a while, unless many wait', async () => {
  const quiet = await began(busySlotEntriesMin - 1)
  assert.is(await quiet.gathering.begin(1), false)
  const many = await began(busySlotEntriesMin)
  assert.is(await many.gathering.begin(gatherEntriesMin), false)
  const later = await began(busySlotEntriesMin)
  later.clock.ms = commitGapMs
  assert.is(await later.gathering.begin(1), false)
  const { gathering } = await began(busySlotEntriesMin)
  const begins = gathering.begin(gatherEntriesMin - 1)
  assert.is(await isOpen(begins), true)
  gathering.met(gatherEntriesMin, 0)
  assert.is(await begins, true)
})

test('whenever shards began, they begin the next at the same time', async () => {
  for (const ms of [0, 1, commitGapMs - 2]) {
    const { clock, gathering } = await began(busySlotEntriesMin, ms)
    clock.ms = commitGapMs - 1
    assert.is(await isOpen(gathering.begin(1)), true)
    const again = await began(busySlotEntriesMin, ms)
    again.clock.ms = commitGapMs
    assert.is(await again.gathering.begin(1), false)
  }
})

test('a node is busy by what came lately', () => {
  const traffic = new Traffic()
  for (let n = 0; n < busySlotEntriesMin; n += 1) traffic.met(5)
  assert.is(traffic.isBusy(busySlotMs - 1), true)
  assert.is(traffic.isBusy(2 * busySlotMs - 1), true)
  assert.is(traffic.isBusy(2 * busySlotMs), false)
})

test.run()

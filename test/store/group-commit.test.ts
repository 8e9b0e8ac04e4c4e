import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { connectEventStore } from '../../src/store/eventstoredb.ts'
import {
  collector,
  committer as committerOn,
  day,
  entry,
  type Given,
  storedIn as stored,
} from '../support/committer.ts'
import { startEventStore } from '../support/event-store.ts'

const test = suite('group commit')
const server = await startEventStore()
const store = connectEventStore(server.url)
const committer = (given?: Given) => committerOn(store, given)
const storedIn = (stream: string) => stored(store, stream)

test('what arrives in one turn is one event; completions come in the order of arrival', async () => {
  const { commit, stream } = committer()
  const { ended, positions, doneOf } = collector()
  for (let n = 0; n < 100; n += 1) commit.add(entry(n), doneOf(n))
  assert.is(commit.pending(), 100)
  await commit.idle()
  const all = Array.from({ length: 100 }, (_, n) => n)
  assert.equal(await storedIn(stream), [all])
  assert.equal(
    ended,
    all.map((n) => ({ n, error: undefined })),
  )
  assert.is(new Set(positions).size, 1)
  assert.is(positions[0], (await store.readLast(stream))?.position)
})

test('what arrives while an append is in flight is the next event, at the next revision', async () => {
  const { commit, stream } = committer()
  const first = commit.commit(entry(0))
  await new Promise((resolve) => setImmediate(resolve))
  const rest = [1, 2, 3].map((n) => commit.commit(entry(n)))
  const before = await first
  assert.ok((await Promise.all(rest)).every((position) => position > before))
  assert.equal(await storedIn(stream), [[0], [1, 2, 3]])
})

test('a commit holds at most entriesMax entries and bytesMax bytes; one larger entry goes alone', async () => {
  const { commit, stream } = committer({ entriesMax: 3 })
  await Promise.all([0, 1, 2, 3].map((n) => commit.commit(entry(n))))
  assert.equal(await storedIn(stream), [[0, 1, 2], [3]])
  const bytes = committer({ bytesMax: 2 * (entry(0).length + 1) })
  await Promise.all([0, 1, 2].map((n) => bytes.commit.commit(entry(n))))
  assert.equal(await storedIn(bytes.stream), [[0, 1], [2]])
  const tiny = committer({ bytesMax: 1 })
  await Promise.all([0, 1].map((n) => tiny.commit.commit(entry(n))))
  assert.equal(await storedIn(tiny.stream), [[0], [1]])
})

test('a new UTC day is a new stream, and a clock that falls back does not return', async () => {
  let ms = 0
  const { commit, family } = committer({ now: () => ms })
  await commit.commit(entry(0))
  ms = day
  await commit.commit(entry(1))
  ms = day - 1
  await commit.commit(entry(2))
  assert.equal(await storedIn(family.streamAt(0)), [[0]])
  assert.equal(await storedIn(family.streamAt(day)), [[1], [2]])
})

test('waitingEntriesMax entries wait, one more is refused at once', async () => {
  const { commit, stream } = committer({ waitingEntriesMax: 3 })
  const { ended, doneOf } = collector()
  for (let n = 0; n < 4; n += 1) commit.add(entry(n), doneOf(n))
  assert.equal(ended, [{ n: 3, error: 'overfull' }])
  await commit.idle()
  assert.equal(await storedIn(stream), [[0, 1, 2]])
})

test('an entry costs a few microseconds', async () => {
  const { commit } = committer({
    waitingEntriesMax: 100_000,
    store: {
      readPage: store.readPage,
      append: async () => ({ kind: 'appended', position: 1n, revision: 0 }),
    },
  })
  let done = 0
  const one = entry(1)
  const begun = performance.now()
  for (let n = 0; n < 50_000; n += 1) commit.add(one, () => (done += 1))
  await commit.idle()
  assert.is(done, 50_000)
  // 20 us an entry on a machine that is busy with other things; it is 1 to 2 us on a quiet one.
  assert.ok(performance.now() - begun < 1_000)
})

test.after(async () => {
  await store.close()
  await server.stop()
})

test.run()

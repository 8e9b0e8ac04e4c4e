import { randomBytes } from 'node:crypto'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { newEventId } from '../../protocol/ids.ts'
import { type EventStore, StoreUnavailable } from '../../src/store/event-store.ts'
import { connectEventStore } from '../../src/store/eventstoredb.ts'
import {
  collector,
  committer as committerOn,
  entry,
  freshFamily,
  type Given,
  storedIn as stored,
} from '../support/committer.ts'
import { startEventStore } from '../support/event-store.ts'
import { until } from '../support/until.ts'

const test = suite('group commit under faults')
const server = await startEventStore()
const store = connectEventStore(server.url)
const committer = (given?: Given) => committerOn(store, given)
const storedIn = (stream: string) => stored(store, stream)

/** The store behind a wire that loses answers. */
const losing = (losses: number, before: boolean): EventStore => {
  let left = losses
  return {
    ...store,
    append: async (...args: Parameters<EventStore['append']>) => {
      left -= 1
      if (left >= 0 && before) throw new StoreUnavailable('never arrived')
      const result = await store.append(...args)
      if (left >= 0) throw new StoreUnavailable('the answer was lost')
      return result
    },
  }
}

test('a lost request or answer is sent again as it was: every entry once', async () => {
  for (const before of [true, false]) {
    const { commit, stream } = committer({ store: losing(3, before) })
    await Promise.all([0, 1].map((n) => commit.commit(entry(n))))
    await commit.commit(entry(2))
    assert.equal(await storedIn(stream), [[0, 1], [2]])
  }
})

test('a conflict with our own event is a success', async () => {
  let first = true
  const { commit, stream } = committer({
    store: {
      readPage: store.readPage,
      append: async (...args) => {
        const result = await store.append(...args)
        if (!first) return result
        first = false
        return { kind: 'conflict' }
      },
    },
  })
  const position = await commit.commit(entry(0))
  assert.is(position, (await store.readLast(stream))?.position)
  await commit.commit(entry(1))
  assert.equal(await storedIn(stream), [[0], [1]])
})

test('another writer fences: all that wait fail, and so does what comes, until the streams are new', async () => {
  let fences = 0
  const { commit, stream } = committer({ onFenced: () => (fences += 1) })
  await commit.commit(entry(0))
  const event = { id: newEventId(randomBytes), type: 'Meddled', data: {}, metadata: {} }
  await store.append(stream, [event], 0)
  const { ended, doneOf } = collector()
  commit.add(entry(1), doneOf(1))
  await new Promise((resolve) => setImmediate(resolve))
  commit.add(entry(2), doneOf(2))
  await commit.idle()
  commit.add(entry(3), doneOf(3))
  assert.equal(
    ended,
    [1, 2, 3].map((n) => ({ n, error: 'fenced' as const })),
  )
  assert.is(fences, 1)
  const next = freshFamily()
  commit.reset(next)
  await commit.commit(entry(4))
  assert.equal(await storedIn(next.streamAt(0)), [[4]])
})

test('a reset fails what is pending at once, and a late answer of the old streams changes nothing', async () => {
  let release: () => void = () => {}
  const held = new Promise<void>((resolve) => {
    release = resolve
  })
  let first = true
  const { commit, stream } = committer({
    store: {
      readPage: store.readPage,
      append: async (...args) => {
        if (first) {
          first = false
          await held
        }
        return store.append(...args)
      },
    },
  })
  const { ended, doneOf } = collector()
  commit.add(entry(0), doneOf(0))
  await new Promise((resolve) => setImmediate(resolve))
  commit.add(entry(1), doneOf(1))
  const next = freshFamily()
  commit.reset(next)
  assert.equal(
    ended,
    [0, 1].map((n) => ({ n, error: 'fenced' as const })),
  )
  commit.add(entry(2), doneOf(2))
  await commit.idle()
  assert.equal(await storedIn(next.streamAt(0)), [[2]])
  release()
  await until(async () => (await storedIn(stream)).length === 1, { what: 'the late append' })
  assert.is(ended.length, 3)
  assert.equal(ended[2], { n: 2, error: undefined })
})

test('entries that waited too long fail, yet what was sent is settled before anything else is sent', async () => {
  let down = true
  const sent: string[] = []
  const { commit, stream } = committer({
    // Longer than any pause between two sends, so that the last entry lives to see the next one.
    appendMsMax: 1_500,
    store: {
      readPage: store.readPage,
      append: async (...args) => {
        sent.push(args[1][0]?.id ?? '')
        const result = await store.append(...args)
        if (down) throw new StoreUnavailable('the answer was lost')
        return result
      },
    },
  })
  const { ended, doneOf } = collector()
  commit.add(entry(0), doneOf(0))
  await until(() => sent.length > 0, { what: 'the first send' })
  commit.add(entry(1), doneOf(1))
  await until(() => ended.length === 2, { what: 'both to be too slow' })
  assert.equal(
    ended,
    [0, 1].map((n) => ({ n, error: 'too-slow' as const })),
  )
  assert.is(commit.pending(), 0)
  const late = commit.commit(entry(2))
  down = false
  await late
  assert.equal(await storedIn(stream), [[0], [2]])
  assert.is(new Set(sent).size, 2)
})

test('without the lease nothing is appended; a lease that ends meanwhile acknowledges nothing', async () => {
  let holds = false
  const { commit, stream } = committer({ mayAppend: () => holds })
  const { ended, positions, doneOf } = collector()
  commit.add(entry(0), doneOf(0))
  await commit.idle()
  assert.equal(await storedIn(stream), [])
  holds = true
  commit.add(entry(1), doneOf(1))
  await new Promise((resolve) => setImmediate(resolve))
  holds = false
  await commit.idle()
  assert.equal(await storedIn(stream), [[1]])
  assert.equal(
    ended,
    [0, 1].map((n) => ({ n, error: 'lease-ended' as const })),
  )
  assert.equal(positions, [undefined, undefined])
  holds = true
  await commit.commit(entry(2))
  assert.equal(await storedIn(stream), [[1], [2]])
})

test('a lease that ends under an unknown outcome keeps it: it is settled first when the lease is back', async () => {
  let [holds, down] = [true, true]
  const { commit, stream } = committer({
    mayAppend: () => holds,
    store: {
      readPage: store.readPage,
      append: async (...args) => {
        if (down) throw new StoreUnavailable('down')
        return store.append(...args)
      },
    },
  })
  const { ended, doneOf } = collector()
  commit.add(entry(0), doneOf(0))
  await new Promise((resolve) => setImmediate(resolve))
  holds = false
  await commit.idle()
  assert.equal(ended, [{ n: 0, error: 'lease-ended' }])
  ;[holds, down] = [true, false]
  await commit.commit(entry(1))
  assert.equal(await storedIn(stream), [[0], [1]])
})

test('kill -9 of the store under load: every acknowledged entry is stored once, in order', async () => {
  const { commit, stream } = committer({ appendMsMax: 8_000 })
  const { ended, doneOf } = collector()
  let n = 0
  const load = setInterval(() => {
    for (let k = 0; k < 20; k += 1, n += 1) commit.add(entry(n), doneOf(n))
  }, 2)
  await until(() => ended.length > 200, { what: 'acknowledgements' })
  await server.kill9()
  await server.restart()
  const after = ended.length
  await until(() => ended.length > after + 200, { what: 'acknowledgements after the restart' })
  clearInterval(load)
  await commit.idle()
  const all = (await storedIn(stream)).flat()
  assert.equal(
    ended.filter(({ error }) => !error).map((one) => one.n),
    all,
  )
  assert.equal(
    all,
    [...all].sort((a, b) => a - b),
  )
  assert.is(ended.length, n)
})

test.after(async () => {
  await store.close()
  await server.stop()
})

test.run()

import { randomBytes } from 'node:crypto'
import fc from 'fast-check'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { newId } from '../../protocol/ids.ts'
import { recentStreamEventsMax, recentStreamsMax } from '../../protocol/limits.ts'
import { create, endUser, update } from '../../src/domain/end-user.ts'
import type { EventStore } from '../../src/store/event-store.ts'
import { connectEventStore } from '../../src/store/eventstoredb.ts'
import { createLedger } from '../../src/store/ledger.ts'
import { createRecentEvents, type HistoryPage } from '../../src/store/recent-events.ts'
import { endUserStream } from '../../src/store/streams.ts'
import { startEventStore } from '../support/event-store.ts'
import { freshSecrets } from '../support/secrets.ts'

const test = suite('events that were read last')
const server = await startEventStore()
const store = connectEventStore(server.url)
const ledger = createLedger({ store, secrets: freshSecrets(), now: Date.now, random: randomBytes })
const project = newId('proj_', randomBytes)
const by = { project, actor: 'system', requestId: null } as const
const sealed = Buffer.alloc(64).toString('base64')

const stream = async (events: number) => {
  const id = newId('eu_', randomBytes)
  const name = endUserStream(project, id)
  if (events > 0) await ledger.transact(name, endUser, () => create({ endUserId: id, sealed }), by)
  for (let i = 1; i < events; i += 1) await grow(name)
  return name
}
const grow = (name: ReturnType<typeof endUserStream>) =>
  ledger.transact(name, endUser, () => update({ sealed }), by)

/** Counts what is asked of the store. */
const counted = () => {
  const asked: string[] = []
  const reading: EventStore = {
    ...store,
    readPage: (name, page) => {
      asked.push('page')
      return store.readPage(name, page)
    },
    readStream: (name, from) => {
      asked.push('tail')
      return store.readStream(name, from)
    },
  }
  return { asked, recent: createRecentEvents(reading) }
}

test('every page is the one that the store has, while the stream grows', async () => {
  const [short, long] = [await stream(3), await stream(recentStreamEventsMax + 1)]
  const lasting = counted()
  const page = fc.record(
    {
      from: fc.nat(recentStreamEventsMax + 10),
      count: fc.integer({ min: 1, max: recentStreamEventsMax }),
      order: fc.constantFrom<HistoryPage['order']>('asc', 'desc'),
    },
    { requiredKeys: ['count', 'order'] },
  )
  await fc.assert(
    fc.asyncProperty(fc.constantFrom(short, long), page, fc.boolean(), async (name, one, grows) => {
      if (grows) await grow(name)
      const wanted = (await store.readPage(name, one)).map(({ id }) => id)
      for (const { recent } of [lasting, counted()]) {
        const { events, position } = await recent.page(name, one)
        assert.equal(
          events.map(({ id }) => id),
          wanted,
        )
        assert.is(position, (await store.readLast(name))?.position ?? null)
      }
    }),
    { numRuns: 60 },
  )
})

test('a stream is read once, and then only what came since', async () => {
  const name = await stream(5)
  const { asked, recent } = counted()
  const newest = () => recent.page(name, { count: 50, order: 'desc' })
  await newest()
  await newest()
  await recent.page(name, { from: 2, count: 2, order: 'asc' })
  assert.equal(asked, ['page', 'tail', 'tail'])
  await grow(name)
  assert.is((await newest()).events.length, 6)
})

test('who asks at once shares a read that begins after they asked', async () => {
  const name = await stream(2)
  const { asked, recent } = counted()
  await recent.page(name, { count: 9, order: 'desc' })
  const first = recent.page(name, { count: 9, order: 'desc' })
  const grown = grow(name)
  const others = grown.then(() =>
    Promise.all(Array.from({ length: 20 }, () => recent.page(name, { count: 9, order: 'desc' }))),
  )
  await first
  for (const { events } of await others) assert.is(events.length, 3)
  assert.ok(asked.length <= 4, asked.join())
})

test('at most so many streams are kept, and none that is not there', async () => {
  const { asked, recent } = counted()
  const first = await stream(1)
  await recent.page(first, { count: 1, order: 'desc' })
  for (let i = 0; i < recentStreamsMax - 1; i += 1)
    await recent.page(await stream(1), { count: 1, order: 'desc' })
  for (let i = 0; i < 3; i += 1) await recent.page(await stream(0), { count: 1, order: 'desc' })
  await recent.page(first, { count: 1, order: 'desc' })
  assert.is(asked.at(-1), 'tail')
  for (let i = 0; i < recentStreamsMax; i += 1)
    await recent.page(await stream(1), { count: 1, order: 'desc' })
  await recent.page(first, { count: 1, order: 'desc' })
  assert.is(asked.at(-1), 'page')
})

test('the store’s failure is told to all who asked, and to nobody after', async () => {
  const name = await stream(2)
  let isDown = true
  const recent = createRecentEvents({
    readPage: (...given) => (isDown ? Promise.reject(new Error('down')) : store.readPage(...given)),
    readStream: store.readStream,
  })
  const ask = () => recent.page(name, { count: 1, order: 'desc' })
  const ended = await Promise.allSettled([ask(), ask(), ask()])
  assert.ok(ended.every(({ status }) => status === 'rejected'))
  isDown = false
  assert.is((await ask()).events.length, 1)
})

test.after(async () => {
  await store.close()
  await server.stop()
})
test.run()

import { randomBytes, randomUUID } from 'node:crypto'
import fc from 'fast-check'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { type NodeId, newId, newNodeId, type TokenId } from '../../protocol/ids.ts'
import { instantOf } from '../../protocol/instant.ts'
import { ingestEntriesMax, ingestEventBytesMax } from '../../protocol/limits.ts'
import { type Entry, ingestCommittedSchema } from '../../protocol/observations.ts'
import { openIngest } from '../../src/ingest/ingest.ts'
import { StoreUnavailable } from '../../src/store/event-store.ts'
import { connectEventStore } from '../../src/store/eventstoredb.ts'
import { startEventStore } from '../support/event-store.ts'
import { keepLog } from '../support/keep-log.ts'

const test = suite('ingest')
const server = await startEventStore()
const store = connectEventStore(server.url)
const project = newId('proj_', randomBytes)
const meter = { count: () => {}, observe: () => {} }

const openOn = (given: Partial<Parameters<typeof openIngest>[0]> = {}) => {
  let node: NodeId = newNodeId(randomBytes)
  const listeners: ((node: NodeId) => void)[] = []
  const state = { holds: true }
  const ingest = openIngest({
    store,
    lease: {
      holds: () => state.holds,
      node: () => node,
      onIncarnation: (one) => void listeners.push(one),
    },
    now: Date.now,
    monotonic: () => performance.now(),
    newId: randomUUID,
    log: keepLog().log,
    meter,
    ...given,
  })
  const renew = () => {
    node = newNodeId(randomBytes)
    for (const listener of listeners) listener(node)
  }
  return { ingest, state, renew, node: () => node }
}

const heartbeat = (d: Entry['d'], numbers: { boot?: number; seq?: number } = {}): Entry => ({
  k: 'heartbeat',
  via: 'mqtt',
  p: project,
  d,
  by: 'A'.repeat(12) as TokenId,
  ...numbers,
  rx: instantOf(Date.now()),
  data: { battery_percent: 50 },
})

/** Everything that a node's streams hold, commit by commit. */
const commitsOf = async (node: NodeId) => {
  const commits: { bytes: number; entries: readonly Entry[] }[] = []
  const subscription = store.subscribe({ prefixes: ['ingest.'], from: 'start' })
  for await (const items of subscription) {
    for (const item of items)
      if (item.kind === 'event' && item.event.stream.includes(node)) {
        const bytes = item.event.data as Uint8Array
        const { entries } = ingestCommittedSchema.parse(JSON.parse(Buffer.from(bytes).toString()))
        commits.push({ bytes: bytes.length, entries })
      }
    if (items.some(({ kind }) => kind === 'caught-up')) break
  }
  await subscription.close()
  return commits
}

const device = () => newId('dev_', randomBytes)

test('the entries of many devices share commits, each within its limits, in the order of each device', async () => {
  const { ingest, node } = openOn()
  const devices = Array.from({ length: 50 }, device)
  const stored = Array.from({ length: 6_000 }, (_, i) =>
    ingest.observe(heartbeat(devices[i % 50] ?? device(), { boot: 1, seq: Math.floor(i / 50) })),
  )
  await Promise.all(stored)
  const commits = await commitsOf(node())
  assert.is(
    commits.reduce((sum, { entries }) => sum + entries.length, 0),
    6_000,
  )
  assert.ok(commits.length < 600, `${commits.length} commits`)
  for (const { bytes, entries } of commits)
    assert.ok(bytes <= ingestEventBytesMax && entries.length <= ingestEntriesMax)
  for (const one of devices) {
    const seqs = commits.flatMap(({ entries }) =>
      entries.filter(({ d }) => d === one).map(({ seq }) => seq),
    )
    assert.equal(
      seqs,
      Array.from({ length: 120 }, (_, i) => i),
    )
  }
})

test('a repeat is done when its original is: at once, or with it', async () => {
  const { ingest, node } = openOn()
  const one = device()
  const twice = await Promise.all(
    [1, 2].map(() => ingest.observe(heartbeat(one, { boot: 1, seq: 1 }))),
  )
  assert.is(twice[0], twice[1])
  await ingest.observe(heartbeat(one, { boot: 1, seq: 1 }))
  assert.is((await commitsOf(node())).flatMap(({ entries }) => entries).length, 1)
})

test('in whatever order numbers of two boots wait, each is stored once, and whoever sent it hears of it', async () => {
  const numbers = fc.record({
    boot: fc.integer({ min: 1, max: 2 }),
    seq: fc.integer({ min: 0, max: 9 }),
  })
  await fc.assert(
    fc.asyncProperty(fc.array(numbers, { maxLength: 40 }), async (all) => {
      const { ingest, node } = openOn()
      const one = device()
      // In one go: all of them wait together.
      await Promise.all(all.map((numbered) => ingest.observe(heartbeat(one, numbered))))
      const entries = (await commitsOf(node())).flatMap((commit) => commit.entries)
      const stored = entries.map(({ boot, seq }) => `${boot} ${seq}`)
      assert.equal(stored, [...new Set(all.map(({ boot, seq }) => `${boot} ${seq}`))])
      assert.is(ingest.pending(), 0)
    }),
    { numRuns: 20 },
  )
})

test('what failed is no repeat: sent again, it is stored', async () => {
  let down = true
  const failing: typeof store.append = async (...args) => {
    if (down) throw new StoreUnavailable('down')
    return store.append(...args)
  }
  const { ingest, state, renew, node } = openOn({ store: { ...store, append: failing } })
  const one = device()
  const lost = ingest.observe(heartbeat(one, { boot: 1, seq: 1 })).catch((error: Error) => error)
  state.holds = false
  assert.instance(await lost, Error)
  renew()
  state.holds = true
  down = false
  await ingest.observe(heartbeat(one, { boot: 1, seq: 1 }))
  assert.is((await commitsOf(node())).length, 1)
})

test('without a lease nothing is acknowledged', async () => {
  const { ingest, state } = openOn()
  state.holds = false
  const refused = await ingest.observe(heartbeat(device())).catch((error: Error) => error.message)
  assert.match(String(refused), /lease-ended/)
})

test('a new incarnation writes streams of its own', async () => {
  const { ingest, renew, node } = openOn()
  await ingest.observe(heartbeat(device()))
  const before = node()
  renew()
  await ingest.observe(heartbeat(device()))
  assert.equal([(await commitsOf(before)).length, (await commitsOf(node())).length], [1, 1])
})

test.after(async () => {
  await store.close()
  await server.stop()
})

test.run()

import { randomBytes } from 'node:crypto'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { type NodeId, newEventId } from '../../protocol/ids.ts'
import { NodeLease } from '../../src/auth/lease.ts'
import { type EventStore, StoreUnavailable } from '../../src/store/event-store.ts'
import { connectEventStore } from '../../src/store/eventstoredb.ts'
import { nodeStream } from '../../src/store/streams.ts'
import { startEventStore } from '../support/event-store.ts'
import { keepLog } from '../support/keep-log.ts'
import { until } from '../support/until.ts'

const test = suite('node lease')
const server = await startEventStore()
const store = connectEventStore(server.url)
const leaseMsMax = 3_000

/** A lease whose clock and whose subscription are moved by hand. */
const leaseOn = (port: EventStore, given: { monotonic?: () => number } = {}) => {
  const told: string[] = []
  const lease = new NodeLease({
    store: port,
    version: '0.0.0',
    leaseMsMax,
    monotonic: given.monotonic ?? (() => performance.now()),
    random: randomBytes,
    log: keepLog().log,
    onExpired: () => told.push('expired'),
    onHolds: () => told.push('holds'),
    onLost: () => told.push('lost'),
  })
  const newest = async (node: NodeId = lease.node()) => store.readLast(nodeStream(node))
  return { lease, told, newest }
}

test('the lease counts from the send of what came back, not from its return', async () => {
  let ms = 0
  const { lease, told, newest } = leaseOn(store, { monotonic: () => ms })
  const first = await until(newest, { what: 'the first NodeAlive' })
  ms += leaseMsMax + 1
  lease.seen(first.id)
  assert.not.ok(lease.holds())
  assert.equal(told, [])
  const next = await until(
    async () => {
      const event = await newest()
      return event?.id !== first.id && event
    },
    { what: 'the next NodeAlive' },
  )
  lease.seen(next.id)
  assert.equal(told, ['holds'])
  ms += leaseMsMax
  assert.ok(lease.holds())
  lease.seen(first.id) // late and older: it changes nothing
  ms += 1
  assert.not.ok(lease.holds())
  await lease.stop()
  assert.not.ok(lease.holds())
  assert.is((await newest())?.type, 'NodeLost')
})

test('who asks for proof shares one append per 100 ms, sent after the asking', async () => {
  let appends = 0
  const port = {
    ...store,
    append: (...args: Parameters<EventStore['append']>) => {
      appends += 1
      return store.append(...args)
    },
  }
  const { lease, newest } = leaseOn(port)
  const seeing = setInterval(() => void newest().then((event) => event && lease.seen(event.id)), 5)
  await lease.prove()
  const [before, started] = [appends, performance.now()]
  for (let round = 0; round < 5; round += 1)
    await Promise.all(Array.from({ length: 50 }, () => lease.prove()))
  const ms = performance.now() - started
  assert.ok(appends - before <= ms / 100 + 2, `${appends - before} appends in ${ms} ms`)
  assert.ok(lease.holds())
  clearInterval(seeing)
  await lease.stop()
})

test('a lost answer is sent again as it was; what another wrote into the stream is the end of it', async () => {
  let losses = 2
  const port = {
    ...store,
    append: async (...args: Parameters<EventStore['append']>) => {
      const result = await store.append(...args)
      losses -= 1
      if (losses >= 0) throw new StoreUnavailable('the answer was lost')
      return result
    },
  }
  const { lease, told, newest } = leaseOn(port)
  const node = lease.node()
  const first = await until(async () => losses < 0 && (await newest()), { what: 'the answer' })
  assert.is(first.revision, 0)
  lease.seen(first.id)
  assert.equal([lease.holds(), told], [true, ['holds']])
  const by = { id: newEventId(randomBytes), type: 'NodeLost', data: { by: node }, metadata: {} }
  assert.is((await store.append(nodeStream(node), [by], 0)).kind, 'appended')
  await until(() => told.includes('lost'), { what: 'the conflict' })
  assert.is.not(lease.node(), node)
  assert.not.ok(lease.holds())
  await until(newest, { what: 'the NodeAlive of the next incarnation' })
  await lease.stop()
})

test.after(async () => {
  await store.close()
  await server.stop()
})

test.run()

import { randomBytes } from 'node:crypto'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { leafHash, publicKeyOf, verifyLeaf, zeroHash } from '../../protocol/envelope.ts'
import { type EndUserId, newId, type ProjectId } from '../../protocol/ids.ts'
import { type Instant, instantOf } from '../../protocol/instant.ts'
import { create, endUser, update } from '../../src/domain/end-user.ts'
import type { EventStore } from '../../src/store/event-store.ts'
import { StoreUnavailable } from '../../src/store/event-store.ts'
import { connectEventStore } from '../../src/store/eventstoredb.ts'
import { createLedger } from '../../src/store/ledger.ts'
import { dataIsIntact } from '../../src/store/record.ts'
import { endUserStream } from '../../src/store/streams.ts'
import { startEventStore } from '../support/event-store.ts'
import { freshSecrets } from '../support/secrets.ts'

const test = suite('ledger')
const server = await startEventStore()
const store = connectEventStore(server.url)
const secrets = freshSecrets()
const project: ProjectId = newId('proj_', randomBytes)
const sealed = Buffer.alloc(64).toString('base64')

const ledgerOn = (port: EventStore, now: () => number = Date.now) =>
  createLedger({ store: port, secrets, now, random: randomBytes })
const ledger = ledgerOn(store)
const by = { project, actor: 'system', requestId: null } as const

const fresh = (): { id: EndUserId; stream: ReturnType<typeof endUserStream> } => {
  const id = newId('eu_', randomBytes)
  return { id, stream: endUserStream(project, id) }
}
const creating = (id: EndUserId) => () => create({ endUserId: id, sealed })
const updating = () => update({ sealed })

test('a transaction appends what was decided and returns the fold', async () => {
  const { id, stream } = fresh()
  const done = await ledger.transact(stream, endUser, creating(id), by)
  assert.is(done.kind, 'done')
  if (done.kind !== 'done') return
  assert.equal([done.outcome.kind, done.revision, done.made], ['created', 0, 1])
  assert.is(done.state.status, 'active')
  const read = await ledgerOn(store).read(stream, endUser)
  assert.equal(read, { ...read, state: done.state, revision: 0, position: done.position })
})

test('asking twice yields no second event', async () => {
  const { id, stream } = fresh()
  await ledger.transact(stream, endUser, creating(id), by)
  const again = await ledger.transact(stream, endUser, creating(id), by)
  assert.ok(again.kind === 'done' && again.outcome.kind === 'exists' && again.made === 0)
  assert.is((await store.readStream(stream)).length, 1)
})

test('what is known is written to without a read, and what is out of date is found out', async () => {
  const read: string[] = []
  const counting = ledgerOn({
    ...store,
    readStream: (name, from) => {
      read.push(name)
      return store.readStream(name, from)
    },
  })
  const { id, stream } = fresh()
  await counting.transact(stream, endUser, creating(id), by)
  await counting.transact(stream, endUser, updating, by)
  assert.equal(read, [])
  await ledger.transact(stream, endUser, updating, by)
  const late = await counting.transact(stream, endUser, updating, by)
  assert.ok(late.kind === 'done' && late.revision === 3 && late.made === 1)
  assert.equal(read, [stream])
  const nothing = await counting.transact(stream, endUser, creating(id), by)
  assert.ok(nothing.kind === 'done' && nothing.outcome.kind === 'exists')
  assert.equal(read, [stream, stream])
})

test('every event is chained, hashed and signed', async () => {
  const { id, stream } = fresh()
  await ledger.transact(stream, endUser, creating(id), by)
  for (let i = 0; i < 4; i += 1) await ledger.transact(stream, endUser, updating, by)
  const { events } = await ledger.history(stream, { count: 10, order: 'asc' })
  let prev = zeroHash
  for (const [i, event] of events.entries()) {
    const { a, sig } = event.envelope
    assert.equal([a.rev, a.prev, a.stream, a.project], [i, prev, stream, project])
    assert.ok(dataIsIntact(event))
    prev = leafHash(a)
    const key = secrets.signing.get(a.kid)?.publicKey ?? Buffer.alloc(32)
    assert.ok(verifyLeaf(prev, sig, publicKeyOf(key)))
  }
  assert.is(events.length, 5)
  const { events: newest } = await ledger.history(stream, { count: 2, order: 'desc' })
  assert.equal(
    newest.map(({ revision }) => revision),
    [4, 3],
  )
})

test('time rises in a stream although the clock stands still or falls back', async () => {
  const times = [1_000, 1_000, 500]
  const frozen = ledgerOn(store, () => times.shift() ?? 0)
  const { id, stream } = fresh()
  await frozen.transact(stream, endUser, creating(id), by)
  for (let i = 0; i < 2; i += 1) await frozen.transact(stream, endUser, updating, by)
  const { events } = await ledger.history(stream, { count: 10, order: 'asc' })
  assert.equal(
    events.map(({ at }) => at),
    [1_000, 1_001, 1_002].map(instantOf),
  )
})

test('the same key and body are a replay, another body a mismatch, on any node', async () => {
  const { id, stream } = fresh()
  const idem = { key: 'k1', body: 'b1' }
  await ledger.transact(stream, endUser, creating(id), { ...by, idem })
  for (const one of [ledger, ledgerOn(store)]) {
    const replay = await one.transact(stream, endUser, updating, { ...by, idem })
    assert.ok(
      replay.kind === 'replayed' && replay.firstType === 'EndUserCreated' && replay.revision === 0,
    )
    const other = { ...by, idem: { key: 'k1', body: 'b2' } }
    assert.is((await one.transact(stream, endUser, updating, other)).kind, 'idempotency-mismatch')
  }
  assert.is((await store.readStream(stream)).length, 1)
})

test('concurrent twins under one key are one event', async () => {
  const { id, stream } = fresh()
  const idem = { key: 'twin', body: 'b' }
  const all = await Promise.all(
    Array.from({ length: 6 }, () =>
      ledger.transact(stream, endUser, creating(id), { ...by, idem }),
    ),
  )
  assert.is(all.filter(({ kind }) => kind === 'done').length, 1)
  assert.is(all.filter(({ kind }) => kind === 'replayed').length, 5)
  assert.is((await store.readStream(stream)).length, 1)
})

test('concurrent writers all get through, one after the other', async () => {
  const { id, stream } = fresh()
  await ledger.transact(stream, endUser, creating(id), by)
  const all = await Promise.all(
    Array.from({ length: 4 }, () => ledger.transact(stream, endUser, updating, by)),
  )
  assert.equal(all.map((one) => one.kind === 'done' && one.revision).sort(), [1, 2, 3, 4])
})

/** The store behind a wire that loses the answer of an append after it was carried out. */
const losingAnswers = (losses: number): EventStore => {
  let left = losses
  return {
    ...store,
    append: async (...args) => {
      const result = await store.append(...args)
      if (left-- > 0) throw new StoreUnavailable('the answer was lost')
      return result
    },
  }
}

test('an append whose answer was lost is the first outcome, not a conflict with itself', async () => {
  for (const losses of [1, 2]) {
    const { id, stream } = fresh()
    const done = await ledgerOn(losingAnswers(losses)).transact(stream, endUser, creating(id), by)
    assert.ok(done.kind === 'done' && done.outcome.kind === 'created' && done.made === 1)
    assert.is((await store.readStream(stream)).length, 1)
  }
})

test('a lost answer followed by another writer is still the first outcome', async () => {
  const { id, stream } = fresh()
  let meddled = false
  const port: EventStore = {
    ...store,
    append: async (...args) => {
      if (meddled) return { kind: 'conflict' }
      meddled = true
      await store.append(...args)
      await ledgerOn(store).transact(stream, endUser, updating, by)
      throw new StoreUnavailable('the answer was lost')
    },
  }
  const done = await ledgerOn(port).transact(stream, endUser, creating(id), by)
  assert.ok(done.kind === 'done' && done.outcome.kind === 'created')
  assert.is((await store.readStream(stream)).length, 2)
})

test('a store that is down is StoreUnavailable, and nothing is half done', async () => {
  const { id, stream } = fresh()
  await server.kill9()
  const failure = await ledger.transact(stream, endUser, creating(id), by).then(
    () => undefined,
    (error: unknown) => error,
  )
  assert.instance(failure, StoreUnavailable)
  await server.restart()
  const done = await ledger.transact(stream, endUser, creating(id), by)
  assert.ok(done.kind === 'done' && done.revision === 0)
})

test('events that an append makes together bear consecutive milliseconds', async () => {
  const { id, stream } = fresh()
  const both = () => (state: Parameters<ReturnType<typeof update>>[0]) => ({
    outcome: 'x',
    events: [
      ...create({ endUserId: id, sealed })(state).events,
      { type: 'EndUserUpdated', data: { sealed } } as const,
    ],
  })
  await ledgerOn(store, () => 5_000).transact(stream, endUser, both, by)
  const { events: pair } = await ledger.history(stream, { count: 2, order: 'asc' })
  const [first, second] = pair
  assert.equal([first?.at, second?.at], [instantOf(5_000), instantOf(5_001)] satisfies Instant[])
})

test.after(async () => {
  await store.close()
  await server.stop()
})

test.run()

import { randomBytes } from 'node:crypto'
import { setTimeout as delay } from 'node:timers/promises'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { randomBase62 } from '../../protocol/base62.ts'
import type { TokenId } from '../../protocol/ids.ts'
import {
  badLookupsPerMinuteMax,
  lookupMsMax,
  lookupsMax,
  unknownWaitersMax,
  unknownWaitMsMax,
} from '../../protocol/limits.ts'
import { createAddressGate, type Pool } from '../../src/auth/address-gate.ts'
import { createLookUp } from '../../src/auth/look-up.ts'
import { beforeAll, Overlay, type Read } from '../../src/auth/overlay.ts'
import { CredentialLog } from '../support/credential-log.ts'
import { keepLog } from '../support/keep-log.ts'

const test = suite('look-up')
const anyId = () => randomBase62(12, randomBytes) as TokenId
const turn = () => new Promise((resolve) => setImmediate(resolve))
const { log } = keepLog()

/** A look-up of a log that is followed by hand, with proofs given by hand. */
const lookUpOn = (events = new CredentialLog()) => {
  const overlay = new Overlay(beforeAll, 1_000)
  const proofs: (() => void)[] = []
  let reads = 0
  const lookUp = createLookUp({
    overlay,
    gate: {
      blame: () => {},
      read: async (id) => {
        reads += 1
        return events.readAt(id, overlay.floor)
      },
    },
    prove: () => new Promise((resolve) => proofs.push(resolve)),
  })
  const follow = (): void => {
    for (const event of events.events) {
      if (event.position <= overlay.head) continue
      overlay.add(event)
      lookUp.follow(event)
    }
  }
  const prove = (): void => {
    for (const resolve of proofs.splice(0)) resolve()
  }
  const find = async (id: TokenId) => (await lookUp.find(id, '', (found) => found)).kind
  return { lookUp, overlay, find, follow, prove, reads: () => reads, proofs }
}

test('at most unknownWaitersMax wait; one more is not-now at once, and all of them after unknownWaitMsMax', async () => {
  const { find, proofs } = lookUpOn()
  const started = performance.now()
  const waiting = Array.from({ length: unknownWaitersMax }, () => find(anyId()))
  await turn()
  assert.is(proofs.length, unknownWaitersMax)
  assert.is(await find(anyId()), 'not-now')
  assert.ok(performance.now() - started < unknownWaitMsMax / 2)
  assert.equal([...new Set(await Promise.all(waiting))], ['not-now'])
  assert.ok(performance.now() - started >= unknownWaitMsMax - 5)
})

test('proof makes them unknown, which is remembered without a further look-up', async () => {
  const { find, prove, reads } = lookUpOn()
  const id = anyId()
  const first = find(id)
  await turn()
  prove()
  assert.is(await first, 'unknown')
  assert.is(reads(), 1)
  assert.is(await find(id), 'unknown')
  assert.is(reads(), 1)
})

test('a birth ends the wait, and evicts what was remembered', async () => {
  const events = new CredentialLog()
  const { find, follow, prove, reads } = lookUpOn(events)
  const later = new CredentialLog()
  later.act(0, 'bind')
  const id = later.tokenIds[0] ?? anyId()
  const first = find(id)
  await turn()
  prove()
  assert.is(await first, 'unknown')
  events.act(0, 'bind')
  assert.is(await find(id), 'unknown')
  follow()
  assert.is(await find(id), 'used')
  const [asked, next] = [reads(), new CredentialLog()]
  for (const act of ['bind', 'unbind', 'bind'] as const) next.act(0, act)
  const second = find(next.tokenIds[1] ?? anyId())
  await turn()
  for (const act of ['unbind', 'bind'] as const) events.act(0, act)
  follow()
  assert.is(await second, 'used')
  assert.is(reads(), asked + 1)
})

test('what proved its secret is answered without Postgres, and follows the log', async () => {
  const events = new CredentialLog()
  events.act(0, 'bind')
  const { lookUp, find, follow, overlay, reads } = lookUpOn(events)
  overlay.raise(events.end)
  const id = events.tokenIds[0] ?? anyId()
  await lookUp.find(id, '', (found) => lookUp.remember(id, found))
  const before = reads()
  assert.is(await find(id), 'used')
  events.act(0, 'refresh')
  follow()
  const next = events.tokenIds[1] ?? anyId()
  assert.is(await find(next), 'used') // the binding is that of the token that it replaces
  events.act(0, 'unbind')
  follow()
  const answer = await lookUp.find(id, '', ({ truth }) => truth.state)
  assert.equal(answer, { kind: 'used', result: 'dead' })
  assert.is(reads(), before)
})

test('a projection that is ahead of this node does not lend its position to what is remembered', async () => {
  const events = new CredentialLog()
  events.act(0, 'bind')
  const { lookUp, follow, overlay } = lookUpOn(events)
  follow()
  const [id, bound] = [events.tokenIds[0] ?? anyId(), events.end]
  await lookUp.find(id, '', (found) => lookUp.remember(id, found))
  events.act(0, 'unbind')
  overlay.raise(events.end)
  // The unbind is still to come: whoever is registered now must be hit by it.
  assert.equal(await lookUp.find(id, '', ({ asOf }) => asOf), { kind: 'used', result: bound })
  follow()
  const answer = await lookUp.find(id, '', ({ truth }) => truth.state)
  assert.equal(answer, { kind: 'used', result: 'dead' })
})

type Held = { readonly pool: Pool; readonly answer: (read: Read | Error) => void }
const gateOn = () => {
  const held: Held[] = []
  let ms = 0
  const gate = createAddressGate({
    read: (_id, pool) =>
      new Promise((resolve, reject) =>
        held.push({
          pool,
          answer: (read) => (read instanceof Error ? reject(read) : resolve(read)),
        }),
      ),
    monotonic: () => ms,
    log,
  })
  const found = { id: anyId(), truth: undefined, checkpoint: 1n }
  return { gate, held, found, pass: (more: number) => (ms += more) }
}

test('who was blamed too often in a minute is not looked up; another address and the next minute are', async () => {
  const { gate, held, found, pass } = gateOn()
  const ask = async (remote: string) => {
    const answer = gate.read(anyId(), remote)
    for (const one of held.splice(0)) one.answer(found)
    return answer
  }
  for (let i = 1; i < badLookupsPerMinuteMax; i += 1) gate.blame('10.0.0.1')
  assert.is.not(await ask('10.0.0.1'), 'not-now')
  gate.blame('::ffff:10.0.0.1')
  assert.is(await ask('10.0.0.1'), 'not-now')
  assert.is.not(await ask('10.0.0.2'), 'not-now')
  for (let i = 0; i < badLookupsPerMinuteMax; i += 1) gate.blame(`2001:db8:1:2::${i}`)
  assert.is(await ask('2001:db8:1:2:3:4:5:6'), 'not-now')
  assert.is.not(await ask('2001:db8:1:3::1'), 'not-now')
  pass(60_000)
  assert.is.not(await ask('10.0.0.1'), 'not-now')
})

test('who asks much at once is served by the spare pool; past lookupsMax nobody is', async () => {
  const { gate, held, found } = gateOn()
  const asked = Array.from({ length: 9 }, () => gate.read(anyId(), '10.0.0.1'))
  assert.equal(
    held.map(({ pool }) => pool),
    [...Array<Pool>(8).fill('main'), 'spare'],
  )
  for (let i = 9; i < lookupsMax; i += 1)
    asked.push(gate.read(anyId(), `10.1.${i >> 8}.${i % 256}`))
  assert.is(await gate.read(anyId(), '10.0.0.9'), 'not-now')
  for (const one of held.splice(0)) one.answer(found)
  assert.not.ok((await Promise.all(asked)).includes('not-now'))
})

test('a Postgres that is gone or too slow is not-now, in bounded time', async () => {
  const { gate, held, found } = gateOn()
  const failing = gate.read(anyId(), '10.0.0.1')
  held[0]?.answer(new Error('gone'))
  assert.is(await failing, 'not-now')
  const started = performance.now()
  assert.is(await gate.read(anyId(), '10.0.0.1'), 'not-now')
  assert.ok(performance.now() - started < lookupMsMax + 500)
  held[1]?.answer(found)
  await delay(1)
})

test.run()

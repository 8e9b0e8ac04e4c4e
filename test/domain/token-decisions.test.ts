import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import type { DeviceEvent } from '../../protocol/events/lifecycle.ts'
import { instantOf, msOf, plusMs } from '../../protocol/instant.ts'
import { type Device, device } from '../../src/domain/device.ts'
import { liveTokenIds } from '../../src/domain/device-tokens.ts'
import {
  type ConfirmOutcome,
  confirmToken,
  type RefreshOutcome,
  refreshToken,
  reportReuse,
  suspectClone,
} from '../../src/domain/token-decisions.ts'
import {
  boundTo,
  confirmed,
  issued,
  refreshed,
  registered,
  retired,
  revoked,
  secret,
  tokenNamed,
  unboundFrom,
} from './sample.ts'
import { folded, judge, type Row, second } from './table.ts'

const test = suite('device tokens')

type Of<Outcome> = readonly Row<Outcome, DeviceEvent, Device>[]
const dayMs = 86_400_000
const bound = [registered, boundTo('ann'), issued('t1', 'ann')]
const unbound = [...bound, unboundFrom('ann'), revoked(['t1'], 'unbound')]
const at = second(30)
const until = plusMs(at, dayMs)
const unseen = [...bound, refreshed('t2', 't1', second(60))]
const seen = [...unseen, confirmed('t2')]
const refresh = (presented: string, next: string, when = at) =>
  refreshToken({ presented: tokenNamed(presented), next: secret(next), graceMs: dayMs }, when)

const notLive = { outcome: { kind: 'refused', because: 'not-live' } } as const
const done = { kind: 'refreshed' } as const
const refreshes: Of<RefreshOutcome> = [
  { name: 'with a token of nobody', given: [], when: refresh('t1', 't2'), ...notLive },
  { name: 'with one that is not its own', given: bound, when: refresh('t9', 't2'), ...notLive },
  {
    name: 'with one of a device that was unbound',
    given: unbound,
    when: refresh('t1', 't2'),
    ...notLive,
  },
  {
    name: 'with one of a device that was retired',
    given: [...unbound, retired],
    when: refresh('t1', 't2'),
    ...notLive,
  },
  {
    name: 'with the newest',
    given: bound,
    when: refresh('t1', 't2'),
    outcome: done,
    events: [refreshed('t2', 't1', until)],
    // The reply may have been lost: the unseen one is replaced.
    again: { outcome: done, events: [refreshed('t2', 't1', until), revoked(['t2'], 'superseded')] },
  },
  {
    name: 'again with the old one, while the newest is unseen',
    given: unseen,
    when: refresh('t1', 't3'),
    outcome: done,
    events: [refreshed('t3', 't1', until), revoked(['t2'], 'superseded')],
    again: { outcome: done, events: [refreshed('t3', 't1', until), revoked(['t3'], 'superseded')] },
  },
  {
    name: 'with the old one, past its end',
    given: unseen,
    when: refresh('t1', 't3', second(61)),
    ...notLive,
  },
  {
    name: 'with the old one, when the newest was seen',
    given: seen,
    when: refresh('t1', 't3'),
    ...notLive,
  },
  {
    name: 'with the newest, which nobody had seen: that is its first use',
    given: unseen,
    when: refresh('t2', 't3'),
    outcome: done,
    events: [confirmed('t2'), refreshed('t3', 't2', until)],
    again: { outcome: done, events: [refreshed('t3', 't2', until), revoked(['t3'], 'superseded')] },
  },
  {
    name: 'with one that was superseded',
    given: [...unseen, refreshed('t3', 't1', until), revoked(['t2'], 'superseded')],
    when: refresh('t2', 't4'),
    ...notLive,
  },
]

const confirm = (name: string) => confirmToken({ tokenId: tokenNamed(name) })
const known = { outcome: { kind: 'known' } } as const
const confirmations: Of<ConfirmOutcome> = [
  { name: 'of nobody', given: [], when: confirm('t1'), ...notLive },
  { name: 'that came with the bind', given: bound, when: confirm('t1'), ...known },
  {
    name: 'that is new',
    given: unseen,
    when: confirm('t2'),
    outcome: { kind: 'confirmed' },
    events: [confirmed('t2')],
    again: known,
  },
  { name: 'that is old', given: unseen, when: confirm('t1'), ...notLive },
  { name: 'that was revoked', given: unbound, when: confirm('t1'), ...notLive },
]

for (const row of refreshes) test(`refresh: ${row.name}`, () => judge(device, row))
for (const row of confirmations) test(`first use of a token ${row.name}`, () => judge(device, row))

test('the old token works until its end and not a millisecond longer', () => {
  const state = folded(device, unseen)
  assert.is(refresh('t1', 't3', second(60))(state).outcome.kind, 'refreshed')
  assert.is(refresh('t1', 't3', plusMs(second(60), 1))(state).outcome.kind, 'refused')
})

test('without grace the old token is dead at once', () => {
  const now = refreshToken({ presented: tokenNamed('t1'), next: secret('t2'), graceMs: 0 }, at)
  const { events } = now(folded(device, bound))
  assert.equal(events, [refreshed('t2', 't1', at)])
  assert.is(
    refresh('t1', 't3', plusMs(at, 1))(folded(device, [...bound, ...events])).outcome.kind,
    'refused',
  )
})

test('what is live: the newest, and the one before it until the newest was seen', () => {
  const live = (given: readonly DeviceEvent[]) => {
    const state = folded(device, given)
    return state.status === 'unknown' ? [] : liveTokenIds(state.tokens)
  }
  const names = (...tokens: readonly string[]) => tokens.map(tokenNamed)
  assert.equal(live(bound), names('t1'))
  assert.equal(live(unseen), names('t2', 't1'))
  assert.equal(live(seen), names('t2'))
  assert.equal(
    live([...unseen, refreshed('t3', 't1', until), revoked(['t2'], 'superseded')]),
    names('t3', 't1'),
  )
  assert.equal(live(unbound), [])
  assert.equal(live([...unbound, boundTo('bob'), issued('t2', 'bob')]), names('t2'))
})

const hourMs = 3_600_000
const start = msOf(second(0))
const reuseOf = (name: string): DeviceEvent => ({
  type: 'TokenReuseDetected',
  data: { token_id: tokenNamed(name) },
})

test('reuse is recorded once a token and hour, and over a new binding too', () => {
  const given = [...seen, reuseOf('t1')]
  const lastAt = msOf(second(given.length - 1))
  const report = (name: string, ms: number, facts: readonly DeviceEvent[]) =>
    reportReuse({ tokenId: tokenNamed(name) }, instantOf(ms))(folded(device, facts))
  assert.equal(report('t1', start + 9_000, seen), {
    outcome: { kind: 'recorded' },
    events: [reuseOf('t1')],
  })
  assert.equal(report('t1', lastAt + hourMs - 1, given), {
    outcome: { kind: 'recent' },
    events: [],
  })
  assert.is(report('t1', lastAt + hourMs, given).outcome.kind, 'recorded')
  assert.is(
    report('t0', lastAt + 1, given).outcome.kind,
    'recorded',
    'another token has an hour of its own',
  )
  const rebound = [
    ...given,
    unboundFrom('ann'),
    revoked(['t2'], 'unbound'),
    boundTo('bob'),
    issued('t3', 'bob'),
  ]
  assert.is(report('t1', lastAt + hourMs - 1, rebound).outcome.kind, 'recent')
  assert.equal(report('t1', start, []), { outcome: { kind: 'recent' }, events: [] })
})

test('a clone is suspected once an hour', () => {
  const cloned: DeviceEvent = {
    type: 'CloneSuspected',
    data: { token_id: tokenNamed('t1'), takeovers: 11 },
  }
  const given = [...bound, cloned]
  const lastAt = msOf(second(given.length - 1))
  const suspect = (ms: number, facts: readonly DeviceEvent[]) =>
    suspectClone({ tokenId: tokenNamed('t1'), takeovers: 11 }, instantOf(ms))(folded(device, facts))
  assert.equal(suspect(start + 9_000, bound), { outcome: { kind: 'recorded' }, events: [cloned] })
  assert.is(suspect(lastAt + hourMs - 1, given).outcome.kind, 'recent')
  assert.is(suspect(lastAt + hourMs, given).outcome.kind, 'recorded')
  assert.equal(suspect(start, []), { outcome: { kind: 'recent' }, events: [] })
})

test.run()

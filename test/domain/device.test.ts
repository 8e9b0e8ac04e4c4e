import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import type { DeviceEvent } from '../../protocol/events/lifecycle.ts'
import {
  type BindOutcome,
  bind,
  type Device,
  device,
  type RetireOutcome,
  register,
  retire,
  type UnbindOutcome,
  type UpdateOutcome,
  unbind,
  update,
} from '../../src/domain/device.ts'
import {
  bindingNamed,
  boundTo,
  confirmed,
  endUserNamed,
  issued,
  refreshed,
  registered,
  registration,
  retired,
  revoked,
  sealed,
  secret,
  unboundFrom,
} from './sample.ts'
import { folded, judge, type Row, second } from './table.ts'

const test = suite('device')

type Of<Outcome> = readonly Row<Outcome, DeviceEvent, Device>[]
const bound = [registered, boundTo('ann'), issued('t1', 'ann')]
const unbound = [...bound, unboundFrom('ann'), revoked(['t1'], 'unbound')]

const registrations: Of<{ readonly kind: 'registered' | 'exists' }> = [
  {
    name: 'a new one',
    given: [],
    when: register(registration),
    outcome: { kind: 'registered' },
    events: [registered],
    again: { outcome: { kind: 'exists' } },
  },
  {
    name: 'one that is there',
    given: [registered],
    when: register({ ...registration, model: 'other' }),
    outcome: { kind: 'exists' },
  },
  {
    name: 'one that was retired',
    given: [registered, retired],
    when: register(registration),
    outcome: { kind: 'exists' },
  },
]

const bindToBob = bind({
  bindingId: bindingNamed('bob'),
  endUserId: endUserNamed('bob'),
  token: secret('t2'),
})
const bindToAnn = bind({
  bindingId: bindingNamed('ann2'),
  endUserId: endUserNamed('ann'),
  token: secret('t2'),
})
const alreadyBound = { outcome: { kind: 'refused', because: 'already-bound' } } as const
const binds: Of<BindOutcome> = [
  {
    name: 'one that nobody registered',
    given: [],
    when: bindToBob,
    outcome: { kind: 'refused', because: 'unknown-device' },
  },
  {
    name: 'a free one',
    given: [registered],
    when: bindToBob,
    outcome: { kind: 'bound' },
    events: [boundTo('bob'), issued('t2', 'bob')],
    again: alreadyBound,
  },
  { name: 'one that is bound to another', given: bound, when: bindToBob, ...alreadyBound },
  { name: 'one that is bound to the same', given: bound, when: bindToAnn, ...alreadyBound },
  {
    name: 'one that was unbound',
    given: unbound,
    when: bindToBob,
    outcome: { kind: 'bound' },
    events: [boundTo('bob'), issued('t2', 'bob')],
    again: alreadyBound,
  },
  {
    name: 'one that was retired',
    given: [...unbound, retired],
    when: bindToBob,
    outcome: { kind: 'refused', because: 'retired' },
  },
]

const unbinding = unbind({ reason: 'requested' })
const notBound = { outcome: { kind: 'not-bound' } } as const
const unbinds: Of<UnbindOutcome> = [
  {
    name: 'one that nobody registered',
    given: [],
    when: unbinding,
    outcome: { kind: 'refused', because: 'unknown-device' },
  },
  { name: 'a free one', given: [registered], when: unbinding, ...notBound },
  {
    name: 'a bound one',
    given: bound,
    when: unbinding,
    outcome: { kind: 'unbound' },
    events: [unboundFrom('ann'), revoked(['t1'], 'unbound')],
    again: notBound,
  },
  {
    name: 'one with a token that is not yet seen: both end',
    given: [...bound, refreshed('t2', 't1', second(99))],
    when: unbinding,
    outcome: { kind: 'unbound' },
    events: [unboundFrom('ann'), revoked(['t2', 't1'], 'unbound')],
    again: notBound,
  },
  {
    name: 'one with a token that was seen: it alone is left to end',
    given: [...bound, refreshed('t2', 't1', second(99)), confirmed('t2')],
    when: unbind({ reason: 'end_user_deleted' }),
    outcome: { kind: 'unbound' },
    events: [unboundFrom('ann', 'end_user_deleted'), revoked(['t2'], 'unbound')],
    again: notBound,
  },
  {
    name: 'one that was retired',
    given: [registered, retired],
    when: unbinding,
    outcome: { kind: 'refused', because: 'retired' },
  },
]

const alreadyRetired = { outcome: { kind: 'already-retired' } } as const
const retirements: Of<RetireOutcome> = [
  {
    name: 'one that nobody registered',
    given: [],
    when: retire(),
    outcome: { kind: 'refused', because: 'unknown-device' },
  },
  {
    name: 'a free one',
    given: [registered],
    when: retire(),
    outcome: { kind: 'retired' },
    events: [retired],
    again: alreadyRetired,
  },
  {
    name: 'a bound one',
    given: bound,
    when: retire(),
    outcome: { kind: 'retired' },
    events: [unboundFrom('ann', 'retired'), revoked(['t1'], 'retired'), retired],
    again: alreadyRetired,
  },
  {
    name: 'one that was unbound',
    given: unbound,
    when: retire(),
    outcome: { kind: 'retired' },
    events: [retired],
    again: alreadyRetired,
  },
  { name: 'one that was retired', given: [registered, retired], when: retire(), ...alreadyRetired },
]

const loud = { upload: { streaming_enabled: true } }
const withSettings = (settings: object, settings_version: number): DeviceEvent => ({
  type: 'DeviceUpdated',
  data: { settings, settings_version },
})
const unchanged = { outcome: { kind: 'unchanged' } } as const
const updates: Of<UpdateOutcome> = [
  {
    name: 'one that nobody registered',
    given: [],
    when: update({ settings: loud }),
    outcome: { kind: 'refused', because: 'unknown-device' },
  },
  {
    name: 'one that was retired',
    given: [registered, retired],
    when: update({ sealed }),
    outcome: { kind: 'refused', because: 'retired' },
  },
  { name: 'nothing', given: [registered], when: update({}), ...unchanged },
  {
    name: 'settings',
    given: [registered],
    when: update({ settings: loud }),
    outcome: { kind: 'updated' },
    events: [withSettings(loud, 1)],
    again: unchanged,
  },
  {
    name: 'settings that say what is in force',
    given: [registered],
    when: update({ settings: { upload: { streaming_enabled: false } } }),
    ...unchanged,
  },
  {
    name: 'settings over others',
    given: [registered, withSettings(loud, 1)],
    when: update({ settings: { power: { auto_sleep_minutes: 5 } } }),
    outcome: { kind: 'updated' },
    events: [withSettings({ ...loud, power: { auto_sleep_minutes: 5 } }, 2)],
    again: unchanged,
  },
  {
    name: 'settings back to their default',
    given: [registered, withSettings(loud, 1)],
    when: update({ settings: { upload: { streaming_enabled: false } } }),
    outcome: { kind: 'updated' },
    events: [withSettings({ upload: { streaming_enabled: false } }, 2)],
    again: unchanged,
  },
  {
    name: 'what people wrote: nobody can tell whether it is the same',
    given: bound,
    when: update({ sealed }),
    outcome: { kind: 'updated' },
    events: [{ type: 'DeviceUpdated', data: { sealed } }],
    again: { outcome: { kind: 'updated' }, events: [{ type: 'DeviceUpdated', data: { sealed } }] },
  },
]

for (const row of registrations) test(`register: ${row.name}`, () => judge(device, row))
for (const row of binds) test(`bind: ${row.name}`, () => judge(device, row))
for (const row of unbinds) test(`unbind: ${row.name}`, () => judge(device, row))
for (const row of retirements) test(`retire: ${row.name}`, () => judge(device, row))
for (const row of updates) test(`update: ${row.name}`, () => judge(device, row))

test('the fold says who, since when, and what is in force', () => {
  const given = [
    ...unbound,
    withSettings(loud, 1),
    { type: 'DeviceUpdated', data: { sealed: 'b64=' } } satisfies DeviceEvent,
    boundTo('bob'),
    issued('t2', 'bob'),
  ]
  const state = folded(device, given)
  assert.ok(state.status === 'bound')
  if (state.status !== 'bound') return
  assert.equal(state.binding, {
    bindingId: bindingNamed('bob'),
    endUserId: endUserNamed('bob'),
    since: second(7),
  })
  assert.equal([state.createdAt, state.updatedAt], [second(0), second(7)])
  assert.equal([state.settings, state.settingsVersion, state.sealed], [loud, 1, [sealed, 'b64=']])
  assert.equal(state.tokens.current, {
    ...secret('t2'),
    bindingId: bindingNamed('bob'),
    confirmed: true,
  })
})

test('what is only said about a token leaves the record as it was', () => {
  const given = [...bound, refreshed('t2', 't1', second(99)), confirmed('t2')]
  const state = folded(device, given)
  assert.ok(state.status !== 'unknown' && state.updatedAt === second(1))
})

test('an event of a device that was never registered changes nothing', () => {
  for (const event of [boundTo('ann'), issued('t1', 'ann'), retired, unboundFrom('ann')])
    assert.equal(folded(device, [event]), { status: 'unknown' })
})

test.run()

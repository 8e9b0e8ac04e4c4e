import * as fc from 'fast-check'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { instantOf, msOf } from '../../../protocol/instant.ts'
import type { BoundPeriod } from '../../../src/domain/device.ts'
import { device } from '../../../src/domain/device.ts'
import {
  type Evidence,
  medianSkew,
  ownerBy,
  ownerMarginMs,
} from '../../../src/domain/recording/owner.ts'
import { bindingNamed, boundTo, endUserNamed, registered, unboundFrom } from '../sample.ts'
import { folded, second } from '../table.ts'

const test = suite('whose a recording is')

const minute = 60_000
const begin = Date.UTC(2026, 10, 22, 10)
const at = (minutes: number) => instantOf(begin + minutes * minute)
const bound = (name: string, since: number, until: number | null): BoundPeriod => ({
  bindingId: bindingNamed(name),
  endUserId: endUserNamed(name),
  since: at(since),
  until: until === null ? null : at(until),
})

// Ann's for an hour, nobody's for ten minutes, Bob's since.
const handedOver = [bound('ann', 0, 60), bound('bob', 70, null)]

type Row = {
  readonly name: string
  readonly bindings?: readonly BoundPeriod[]
  readonly from: number
  readonly to: number
  readonly skewMs?: number | null
  readonly isClockSynced?: boolean
  readonly received?: number
  /** A name, or why nobody's. */
  readonly whose: string
}

const rows: readonly Row[] = [
  {
    name: 'recorded and sent while she has it',
    bindings: [bound('ann', 0, null)],
    from: 5,
    to: 6,
    received: 6,
    whose: 'ann',
  },
  {
    name: 'recorded while she had it, sent after it was bound to another',
    from: 5,
    to: 6,
    whose: 'ann',
  },
  { name: 'recorded since the other has it', from: 80, to: 81, whose: 'bob' },
  {
    name: 'within two minutes of the next owner, though he is far after the gap',
    from: 57,
    to: 59,
    whose: 'ann',
  },
  { name: 'in the gap', from: 62, to: 63, whose: 'not_owned' },
  { name: 'before anybody had it', from: -50, to: -40, whose: 'not_owned' },
  { name: 'never bound', bindings: [], from: 5, to: 6, whose: 'not_owned' },
  { name: 'across the end of a binding', from: 59, to: 61, whose: 'binding_edge' },
  { name: 'across the beginning of one', from: 69, to: 71, whose: 'binding_edge' },
  { name: 'across both owners', from: 59, to: 71, whose: 'binding_edge' },
  { name: 'from its very beginning', from: 0, to: 1, whose: 'ann' },
  { name: 'up to its very end: half-open', from: 50, to: 60, whose: 'binding_edge' },
  {
    name: 'within two minutes before another',
    bindings: [bound('ann', 0, 60), bound('bob', 60, null)],
    from: 50,
    to: 58.5,
    whose: 'other_owner_near',
  },
  {
    name: 'exactly two minutes before another',
    bindings: [bound('ann', 0, 60), bound('bob', 60, null)],
    from: 50,
    to: 58,
    whose: 'other_owner_near',
  },
  {
    name: 'just more than two minutes before another',
    bindings: [bound('ann', 0, 60), bound('bob', 60, null)],
    from: 50,
    to: 57.99,
    whose: 'ann',
  },
  {
    name: 'within two minutes after another',
    bindings: [bound('ann', 0, 60), bound('bob', 60, null)],
    from: 61,
    to: 70,
    whose: 'other_owner_near',
  },
  {
    name: 'bound to the same person again in between: no other owner',
    bindings: [
      bound('ann', 0, 60),
      { ...bound('ann', 60, null), bindingId: bindingNamed('ann again') },
    ],
    from: 50,
    to: 59,
    whose: 'ann',
  },
  {
    name: 'across two bindings of the same person',
    bindings: [
      bound('ann', 0, 60),
      { ...bound('ann', 60, null), bindingId: bindingNamed('ann again') },
    ],
    from: 50,
    to: 65,
    whose: 'binding_edge',
  },
  { name: 'by a clock that nobody knows', from: 5, to: 6, skewMs: null, whose: 'clock_unknown' },
  {
    name: 'by a clock that says it is set',
    from: 5,
    to: 6,
    skewMs: null,
    isClockSynced: true,
    whose: 'ann',
  },
  {
    name: 'by a clock that says it is set and is measured otherwise',
    from: 5,
    to: 6,
    skewMs: 75 * minute,
    isClockSynced: true,
    whose: 'bob',
  },
  {
    name: 'by a clock that stood at 1970',
    from: -begin / minute,
    to: -begin / minute + 1,
    skewMs: begin + 30 * minute,
    whose: 'ann',
  },
  { name: 'by a clock that is ahead', from: 75, to: 76, skewMs: -60 * minute, whose: 'ann' },
  { name: 'two minutes past its receipt', from: 88, to: 92, received: 90, whose: 'bob' },
  {
    name: 'more than two minutes past its receipt',
    from: 88,
    to: 92.01,
    received: 90,
    whose: 'time_in_future',
  },
  { name: 'ended before it began: the same stretch', from: 6, to: 5, whose: 'ann' },
]

for (const { name, whose, from, to, received = 100, ...given } of rows)
  test(`${name}: ${whose}`, () => {
    const evidence: Evidence = {
      bindings: handedOver,
      skewMs: 0,
      isClockSynced: false,
      receivedAt: at(received),
      ...given,
    }
    const owner = ownerBy(evidence)({ from: at(from), to: at(to) })
    const found = owner.quarantineReason ?? owner.endUserId
    assert.is(found, owner.quarantineReason ? whose : endUserNamed(whose))
    assert.is(owner.bindingId === null, owner.quarantineReason !== null)
    assert.is(
      owner.skewMs,
      given.skewMs ?? (given.skewMs === null && !given.isClockSynced ? null : 0),
    )
  })

test('never the next owner: whoever is named had it the whole time, and nobody else near it', () => {
  const period = fc.tuple(
    fc.constantFrom('ann', 'bob', 'eve'),
    fc.integer({ min: 0, max: 30 }),
    fc.integer({ min: 0, max: 10 }),
  )
  const time = fc.integer({ min: -20 * minute, max: 150 * minute })
  void fc.assert(
    fc.property(
      fc.array(period, { maxLength: 5 }),
      time,
      time,
      fc.integer(),
      (periods, from, to, skew) => {
        let next = 0
        const bindings = periods.map(([name, length, gap], i) => {
          const since = next
          next += length + gap
          const period = bound(name, since, i === periods.length - 1 ? null : since + length)
          return { ...period, bindingId: bindingNamed(`${name} ${i}`) }
        })
        const skewMs = skew % (60 * minute)
        const interval = {
          from: instantOf(begin + Math.min(from, to)),
          to: instantOf(begin + Math.max(from, to)),
        }
        const owner = ownerBy({ bindings, skewMs, isClockSynced: false, receivedAt: at(200) })(
          interval,
        )
        if (owner.endUserId === null) return
        const [first, last] = [msOf(interval.from) + skewMs, msOf(interval.to) + skewMs]
        for (const { endUserId, since, until } of bindings) {
          if (endUserId === owner.endUserId) continue
          const isBefore = until !== null && msOf(until) < first - ownerMarginMs
          assert.ok(isBefore || msOf(since) > last + ownerMarginMs)
        }
        const own = bindings.find(({ bindingId }) => bindingId === owner.bindingId)
        assert.ok(own && msOf(own.since) <= first && (own.until === null || last < msOf(own.until)))
      },
    ),
  )
})

test('the skew of a boot is the median of what its messages showed', () => {
  assert.is(medianSkew([]), null)
  assert.is(medianSkew([7]), 7)
  assert.is(medianSkew([90_000, 5, -3]), 5)
  assert.is(medianSkew([4, 1]), 3)
  assert.is(medianSkew([-1, 0]), 0)
  assert.ok(Object.is(medianSkew([-0]), 0))
})

test('a device keeps every time that it was bound', () => {
  const events = [registered, boundTo('ann'), unboundFrom('ann'), boundTo('bob')]
  const state = folded(device, events)
  assert.ok(state.status !== 'unknown')
  assert.equal(state.bindings, [
    {
      bindingId: bindingNamed('ann'),
      endUserId: endUserNamed('ann'),
      since: second(1),
      until: second(2),
    },
    {
      bindingId: bindingNamed('bob'),
      endUserId: endUserNamed('bob'),
      since: second(3),
      until: null,
    },
  ])
})

test.run()

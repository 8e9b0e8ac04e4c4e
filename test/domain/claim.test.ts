import fc from 'fast-check'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import type { ClaimEvent } from '../../protocol/events/lifecycle.ts'
import {
  type Claim,
  claim,
  type Holder,
  release,
  type TakeOutcome,
  take,
} from '../../src/domain/claim.ts'
import { deviceNamed, endUserNamed } from './sample.ts'
import { judge, type Row, second } from './table.ts'

const test = suite('claim')

const [pin, note, third] = [deviceNamed('pin'), deviceNamed('note'), deviceNamed('third')]
const taken = (id: Holder): ClaimEvent => ({ type: 'ClaimTaken', data: { id } })
const released = (id: Holder): ClaimEvent => ({ type: 'ClaimReleased', data: { id } })
const outcome = (kind: 'taken' | 'held', holder: Holder, generation: number): TakeOutcome => ({
  kind,
  holder,
  generation,
})
const held = (holder: Holder, generation: number) => ({
  outcome: outcome('held', holder, generation),
})

const takings: readonly Row<TakeOutcome, ClaimEvent, Claim>[] = [
  {
    name: 'what nobody holds',
    given: [],
    when: take({ id: pin }),
    outcome: outcome('taken', pin, 1),
    events: [taken(pin)],
    again: held(pin, 1),
  },
  { name: 'what it holds itself', given: [taken(pin)], when: take({ id: pin }), ...held(pin, 1) },
  { name: 'what another holds', given: [taken(pin)], when: take({ id: note }), ...held(pin, 1) },
  {
    name: 'what another held and was released',
    given: [taken(pin), released(pin)],
    when: take({ id: note }),
    outcome: outcome('taken', note, 2),
    events: [taken(note)],
    again: held(note, 2),
  },
  {
    name: 'over a holder that was seen to hold it no more',
    given: [taken(pin)],
    when: take({ id: note, over: { id: pin, takings: 1 } }),
    outcome: outcome('taken', note, 2),
    events: [released(pin), taken(note)],
    again: held(note, 2),
  },
  {
    name: 'over another than the one that holds it now',
    given: [taken(pin), released(pin), taken(third)],
    when: take({ id: note, over: { id: pin, takings: 1 } }),
    ...held(third, 2),
  },
  {
    name: 'over its own taking, to be seen to hold it anew',
    given: [taken(pin)],
    when: take({ id: pin, over: { id: pin, takings: 1 } }),
    outcome: outcome('taken', pin, 2),
    events: [released(pin), taken(pin)],
    again: held(pin, 2),
  },
  {
    name: 'under an Idempotency-Key',
    given: [],
    when: take({ id: endUserNamed('ann'), idem: 'i' }),
    outcome: outcome('taken', endUserNamed('ann'), 1),
    events: [{ type: 'ClaimTaken', data: { id: endUserNamed('ann'), idem: 'i' } }],
    again: held(endUserNamed('ann'), 1),
  },
]
for (const row of takings) test(`take: ${row.name}`, () => judge(claim, row))

const notHeld = { outcome: { kind: 'not-held' } } as const
const releases: readonly Row<{ readonly kind: 'released' | 'not-held' }, ClaimEvent, Claim>[] = [
  { name: 'what nobody holds', given: [], when: release({ id: pin, takings: 1 }), ...notHeld },
  {
    name: 'what it holds',
    given: [taken(pin)],
    when: release({ id: pin, takings: 1 }),
    outcome: { kind: 'released' },
    events: [released(pin)],
    again: notHeld,
  },
  {
    name: 'what it took again since',
    given: [taken(pin), released(pin), taken(pin)],
    when: release({ id: pin, takings: 1 }),
    ...notHeld,
  },
  {
    name: 'what another holds',
    given: [taken(note)],
    when: release({ id: pin, takings: 1 }),
    ...notHeld,
  },
]
for (const row of releases) test(`release: ${row.name}`, () => judge(claim, row))

test('whatever is asked, one holds it, and each generation is another taking', () => {
  const holder = fc.constantFrom(pin, note, third)
  const asked = fc.oneof(
    fc.record({ id: holder }).map((args) => take(args)),
    fc
      .record({ id: holder, over: fc.record({ id: holder, takings: fc.nat({ max: 12 }) }) })
      .map((args) => take(args)),
    fc.record({ id: holder, takings: fc.nat({ max: 12 }) }).map((args) => release(args)),
  )
  const check = (state: Claim, { type, data }: ClaimEvent): void => {
    if (type === 'ClaimTaken') assert.is(state.holder, null, 'released before it is taken')
    else assert.is(data.id, state.holder, 'released by the one that held it')
  }
  fc.assert(
    fc.property(fc.array(asked, { maxLength: 30, size: 'max' }), (asks) => {
      let state = claim.initial
      let takenBefore = 0
      for (const ask of asks) {
        const { outcome: answer, events } = ask(state)
        for (const event of events) {
          check(state, event)
          state = claim.evolve(state, { ...event, at: second(0) })
          takenBefore += Number(event.type === 'ClaimTaken')
        }
        assert.is(state.takings, takenBefore)
        if (answer.kind === 'taken' || answer.kind === 'held')
          assert.equal([answer.holder, answer.generation], [state.holder, takenBefore])
      }
    }),
  )
})

test.run()

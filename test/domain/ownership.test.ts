import fc from 'fast-check'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import type { DeviceEvent } from '../../protocol/events/lifecycle.ts'
import { ownershipAt } from '../../src/domain/ownership.ts'
import { bindingNamed, endUserNamed, registered } from './sample.ts'
import { second } from './table.ts'

const test = suite('ownership')

const of = (name: string) => ({
  binding_id: bindingNamed(name),
  end_user_id: endUserNamed(name),
})
const boundTo = (name: string): DeviceEvent => ({ type: 'DeviceBound', data: of(name) })
const unboundFrom = (name: string): DeviceEvent => ({
  type: 'DeviceUnbound',
  data: { ...of(name), reason: 'requested' },
})
const life = [registered, boundTo('a'), unboundFrom('a'), boundTo('b')].map((event, n) => ({
  ...event,
  at: second(n * 10),
}))

const whose = (n: number, known = life) => {
  const { endUserId, since, until } = ownershipAt(known, second(n))
  return [endUserId, since, until]
}

test('each stretch is half-open, and what nobody owned is one too', () => {
  const [a, b] = [endUserNamed('a'), endUserNamed('b')]
  assert.equal(whose(-1), [null, null, second(10)])
  assert.equal(whose(9), [null, null, second(10)])
  assert.equal(whose(10), [a, second(10), second(20)])
  assert.equal(whose(19), [a, second(10), second(20)])
  assert.equal(whose(20), [null, second(20), second(30)])
  assert.equal(whose(30), [b, second(30), null])
  assert.equal(whose(99), [b, second(30), null])
})

test('what was not known yet counts for nothing', () => {
  assert.equal(whose(99, life.slice(0, 2)), [endUserNamed('a'), second(10), null])
  assert.equal(whose(99, []), [null, null, null])
})

test('the stretches follow each other without a gap', () => {
  const property = fc.property(fc.nat({ max: 40 }), (n) => {
    const { since, until } = ownershipAt(life, second(n))
    assert.ok((since === null || since <= second(n)) && (until === null || second(n) < until))
    if (until !== null) assert.is(ownershipAt(life, until).since, until)
  })
  fc.assert(property)
})

test.run()

import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import {
  mqttConnectionsMax,
  mqttConnectionsPerAddressMax,
  mqttSilentConnectionsMax,
  mqttSilentConnectionsPerAddressMax,
} from '../../protocol/limits.ts'
import { Door, type Pass } from '../../src/mqtt/door.ts'

const test = suite('the door of the broker')

const entered = (door: Door): Pass => {
  const pass = door.enter()
  if (!pass) throw new Error(`no room at ${door.open}`)
  return pass
}

/** That many connections that spoke, from as many addresses as `addressOf` gives. */
const fill = (door: Door, count: number, addressOf: (i: number) => string): readonly Pass[] =>
  Array.from({ length: count }, (_, i) => {
    const pass = entered(door)
    assert.ok(pass.from(addressOf(i)), `${i}`)
    pass.spoke()
    return pass
  })

test('in all there is room for so many and not one more, until one leaves', () => {
  const door = new Door()
  const [first] = fill(
    door,
    mqttConnectionsMax,
    (i) => `10.${i >> 16}.${(i >> 8) & 255}.${i & 255}`,
  )
  assert.is(door.enter(), undefined)
  first?.leave()
  first?.leave()
  assert.is(door.open, mqttConnectionsMax - 1)
  assert.ok(door.enter())
  assert.is(door.enter(), undefined)
})

test('of one address so many and not one more; others still come', () => {
  const door = new Door()
  const [first] = fill(door, mqttConnectionsPerAddressMax, () => '192.0.2.1')
  const late = entered(door)
  assert.not.ok(late.from('::ffff:192.0.2.1'))
  late.leave()
  assert.ok(entered(door).from('192.0.2.2'))
  first?.leave()
  assert.ok(entered(door).from('192.0.2.1'))
})

test('silent ones of one address, and a whole IPv6 network is one address', () => {
  const door = new Door()
  const silent = Array.from({ length: mqttSilentConnectionsPerAddressMax }, (_, i) => {
    const pass = entered(door)
    assert.ok(pass.from(`2001:db8:1:2::${i.toString(16)}`))
    return pass
  })
  assert.not.ok(entered(door).from('2001:db8:1:2:ffff::1'))
  assert.ok(entered(door).from('2001:db8:1:3::1'))
  silent[0]?.spoke()
  silent[0]?.spoke()
  assert.ok(entered(door).from('2001:db8:1:2:ffff::1'))
  assert.not.ok(entered(door).from('2001:db8:1:2:ffff::1'))
})

test('silent ones in all', () => {
  const door = new Door()
  const silent = Array.from({ length: mqttSilentConnectionsMax }, () => entered(door))
  assert.is(door.enter(), undefined)
  silent[0]?.leave()
  assert.ok(door.enter())
})

test.run()

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

const comesFrom = (door: Door, remote: string): boolean => door.from(entered(door), () => remote)

/** That many connections, from as many addresses as `addressOf` gives. */
const fill = (door: Door, count: number, addressOf: (i: number) => string): readonly Pass[] =>
  Array.from({ length: count }, (_, i) => {
    const pass = entered(door)
    assert.ok(
      door.from(pass, () => addressOf(i)),
      `${i}`,
    )
    return pass
  })

/** The same, each of which spoke. */
const fillSpeaking: typeof fill = (door, count, addressOf) =>
  Array.from({ length: count }, (_, i) => {
    const [pass] = fill(door, 1, () => addressOf(i))
    if (!pass) throw new Error('nobody')
    door.spoke(pass)
    return pass
  })

const leave = (door: Door, pass: Pass | undefined): void => {
  if (pass) door.leave(pass)
}

test('in all there is room for so many and not one more, until one leaves', () => {
  const door = new Door()
  const [first] = fillSpeaking(
    door,
    mqttConnectionsMax,
    (i) => `10.${i >> 16}.${(i >> 8) & 255}.${i & 255}`,
  )
  assert.is(door.enter(), undefined)
  leave(door, first)
  leave(door, first)
  assert.is(door.open, mqttConnectionsMax - 1)
  assert.ok(door.enter())
  assert.is(door.enter(), undefined)
})

test('of one address so many and not one more; others still come', () => {
  const door = new Door()
  const [first] = fillSpeaking(door, mqttConnectionsPerAddressMax, () => '192.0.2.1')
  const late = entered(door)
  assert.not.ok(door.from(late, () => '::ffff:192.0.2.1'))
  door.leave(late)
  assert.ok(comesFrom(door, '192.0.2.2'))
  leave(door, first)
  assert.ok(comesFrom(door, '192.0.2.1'))
})

test('silent ones of one address, and a whole IPv6 network is one address', () => {
  const door = new Door()
  const [first] = fill(
    door,
    mqttSilentConnectionsPerAddressMax,
    (i) => `2001:db8:1:2::${i.toString(16)}`,
  )
  assert.not.ok(comesFrom(door, '2001:db8:1:2:ffff::1'))
  assert.ok(comesFrom(door, '2001:db8:1:3::1'))
  if (first) door.spoke(first)
  if (first) door.spoke(first)
  assert.ok(comesFrom(door, '2001:db8:1:2:ffff::1'))
  assert.not.ok(comesFrom(door, '2001:db8:1:2:ffff::1'))
})

test('silent ones in all', () => {
  const door = new Door()
  const silent = Array.from({ length: mqttSilentConnectionsMax }, () => entered(door))
  assert.is(door.enter(), undefined)
  leave(door, silent[0])
  assert.ok(door.enter())
})

test('while there are few nobody is asked for an address before it spoke, and then each is once', () => {
  const door = new Door()
  const asked: number[] = []
  const silent = fill(door, mqttSilentConnectionsPerAddressMax, (i) => {
    asked.push(i)
    return '192.0.2.1'
  })
  const [gone, speaks] = silent
  leave(door, gone)
  assert.equal(asked, [])
  if (speaks) door.spoke(speaks)
  assert.equal(asked, [1])
  // One left and one spoke: there is room for two more.
  assert.ok(comesFrom(door, '192.0.2.1'))
  assert.ok(comesFrom(door, '192.0.2.1'))
  assert.equal(asked, [1])
  assert.not.ok(comesFrom(door, '192.0.2.1'))
  assert.equal(asked, [1, ...[...silent.keys()].slice(2)])
})

test('whoever is turned away is not counted where it came from', () => {
  const door = new Door()
  const silent = fill(door, mqttSilentConnectionsPerAddressMax, () => '192.0.2.1')
  const late = entered(door)
  assert.not.ok(door.from(late, () => '192.0.2.1'))
  door.leave(late)
  for (const pass of silent) door.leave(pass)
  assert.is(door.open, 0)
  fill(door, mqttSilentConnectionsPerAddressMax, () => '192.0.2.1')
  assert.not.ok(comesFrom(door, '192.0.2.1'))
})

test.run()

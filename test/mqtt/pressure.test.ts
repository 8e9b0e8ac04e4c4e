import { PassThrough } from 'node:stream'
import type { Client } from 'aedes'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import {
  mqttClientPendingBytesMax,
  mqttHeldBackBytesMax,
  mqttInflightQos2Max,
  mqttPendingBytesMax,
  mqttPendingMessagesMax,
} from '../../protocol/limits.ts'
import { ExactlyOnce } from '../../src/mqtt/exactly-once.ts'
import { Pressure } from '../../src/mqtt/pressure.ts'

const test = suite('the high-water mark')

const stage = () => {
  const pressure = new Pressure()
  const client = () => {
    const conn = new PassThrough()
    return { conn, client: { conn } as unknown as Client, load: { bytes: 0, isOver: false } }
  }
  type One = ReturnType<typeof client>
  return {
    client,
    add: ({ client: one }: One, bytes: number) => pressure.enter(one, bytes),
    remove: (_one: One, bytes: number) => pressure.leave(bytes),
    receive: ({ client: one, load }: One, bytes: number) => pressure.receive(one, load, bytes),
    done: ({ client: one, load }: One, bytes: number) => pressure.done(one, load, bytes),
    pressure,
  }
}

test('past so many messages of all, whoever sends is read no further, until half are stored', () => {
  const { client, add, remove, pressure } = stage()
  const [busy, quiet] = [client(), client()]
  for (let i = 0; i < mqttPendingMessagesMax; i += 1) add(busy, 0)
  assert.not.ok(busy.conn.isPaused())
  add(busy, 0)
  assert.ok(busy.conn.isPaused())
  assert.not.ok(quiet.conn.isPaused())
  add(quiet, 0)
  assert.ok(quiet.conn.isPaused())
  while (pressure.messages > mqttPendingMessagesMax / 2 + 1) remove(busy, 0)
  assert.ok(busy.conn.isPaused() && quiet.conn.isPaused())
  remove(busy, 0)
  assert.not.ok(busy.conn.isPaused() || quiet.conn.isPaused())
})

test('the same in bytes, over all clients', () => {
  const { client, add, remove, pressure } = stage()
  const many = Array.from({ length: mqttPendingBytesMax / mqttClientPendingBytesMax }, client)
  for (const one of many) add(one, mqttClientPendingBytesMax)
  assert.not.ok(many.some(({ conn }) => conn.isPaused()))
  const last = client()
  add(last, 1)
  assert.ok(last.conn.isPaused())
  for (const one of many) {
    if (pressure.bytes <= mqttPendingBytesMax / 2) break
    assert.ok(last.conn.isPaused())
    remove(one, mqttClientPendingBytesMax)
  }
  assert.not.ok(last.conn.isPaused())
})

test('and over what one client has waiting', () => {
  const { client, receive, done } = stage()
  const one = client()
  receive(one, mqttClientPendingBytesMax)
  assert.not.ok(one.conn.isPaused())
  receive(one, 1)
  assert.ok(one.conn.isPaused())
  done(one, 1)
  assert.ok(one.conn.isPaused())
  done(one, mqttClientPendingBytesMax)
  assert.not.ok(one.conn.isPaused())
})

test('what is held back stops those whose it is alone', () => {
  const { client, add, pressure } = stage()
  const [over, honest] = [client(), client()]
  pressure.holdBack(over.client, mqttHeldBackBytesMax)
  assert.not.ok(over.conn.isPaused())
  pressure.holdBack(over.client, 1)
  assert.ok(over.conn.isPaused())
  add(honest, 1)
  assert.not.ok(honest.conn.isPaused())
  pressure.letGo(over.client, 1)
  assert.not.ok(over.conn.isPaused())
})

test('QoS 2: so many ids at once and not one more; a repeat is told from a new one', () => {
  const ids = new ExactlyOnce()
  for (let id = 1; id <= mqttInflightQos2Max; id += 1) assert.is(ids.meet(id), 'new')
  assert.is(ids.meet(mqttInflightQos2Max + 1), 'too-many')
  assert.is(ids.meet(1), 'pending')
  ids.stored(1)
  assert.is(ids.meet(1), 'stored')
  ids.release(1)
  ids.stored(1)
  assert.is(ids.meet(1), 'new')
})

test.run()

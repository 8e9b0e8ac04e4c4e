import { PassThrough } from 'node:stream'
import { setImmediate as turn } from 'node:timers/promises'
import type { Client } from 'aedes'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { mqttSliceMsMax, mqttUnparsedBytesMax, mqttUnreadBytesMax } from '../../protocol/limits.ts'
import { Intake } from '../../src/mqtt/intake.ts'
import { until } from '../support/until.ts'

const test = suite('what the sockets bring')

/** What of a client the intake meets. */
const stage = () => {
  const parsed: string[] = []
  let nowMs = 0
  const intake = new Intake(() => nowMs)
  const client = (name: string, costMs = 0) => {
    const conn = new PassThrough()
    const parse = (bytes: Buffer) => {
      nowMs += costMs
      parsed.push(`${name}${bytes.length}`)
    }
    const close = () => {}
    return { closed: false, conn, close, _parser: { parse } } as unknown as Client
  }
  return { intake, parsed, client }
}

test('first come, first served', async () => {
  const { intake, parsed, client } = stage()
  const [a, b] = [client('a'), client('b')]
  intake.add(a, Buffer.alloc(1))
  intake.add(b, Buffer.alloc(2))
  intake.add(a, Buffer.alloc(3))
  assert.equal(parsed, [])
  await until(() => parsed.length === 3, { what: 'three chunks' })
  assert.equal(parsed, ['a1', 'b2', 'a3'])
})

test('a slice ends at its time, and the next turn goes on', async () => {
  const { intake, parsed, client } = stage()
  const slow = client('s', mqttSliceMsMax / 2)
  for (let n = 1; n <= 5; n += 1) intake.add(slow, Buffer.alloc(n))
  await turn()
  assert.is(parsed.length, 2)
  await turn()
  assert.is(parsed.length, 4)
  await turn()
  assert.equal(parsed, ['s1', 's2', 's3', 's4', 's5'])
})

test('at the limit of what waits a client is read on, past it not until its turn came', async () => {
  const { intake, parsed, client } = stage()
  const [at, past] = [client('at'), client('past')]
  intake.add(at, Buffer.alloc(mqttUnparsedBytesMax))
  assert.not.ok(at.conn.isPaused())
  intake.add(past, Buffer.alloc(1))
  assert.ok(past.conn.isPaused())
  await until(() => parsed.length === 2, { what: 'both chunks' })
  assert.not.ok(past.conn.isPaused())
})

test('what a closed client left is not met', async () => {
  const { intake, parsed, client } = stage()
  const gone = client('gone')
  intake.add(gone, Buffer.alloc(1))
  Object.assign(gone, { closed: true })
  await turn()
  assert.equal(parsed, [])
})

for (const [unread, isCut] of [
  [mqttUnreadBytesMax, false],
  [mqttUnreadBytesMax + 1, true],
] as const)
  test(`with ${unread} bytes of answers unread it is ${isCut ? 'cut' : 'met'}`, async () => {
    const { intake, parsed, client } = stage()
    const slow = client('slow')
    slow.conn.cork()
    slow.conn.write(Buffer.alloc(unread))
    intake.add(slow, Buffer.alloc(1))
    await turn()
    assert.is(slow.conn.destroyed, isCut)
    assert.is(parsed.length, isCut ? 0 : 1)
  })

test.run()

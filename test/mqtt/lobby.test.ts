import { PassThrough } from 'node:stream'
import { setImmediate as turn } from 'node:timers/promises'
import fc from 'fast-check'
import mqttPacket from 'mqtt-packet'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { mqttPacketBytesBeforeConnackMax } from '../../protocol/limits.ts'
import { mintToken } from '../../protocol/tokens.ts'
import { parseConnect } from '../../src/mqtt/connect-packet.ts'
import { waitInLobby } from '../../src/mqtt/lobby.ts'
import { connectWith } from '../support/raw-mqtt.ts'

const test = suite('the lobby of the broker')
const token = mintToken('dtok', (bytes) => Buffer.alloc(bytes, 7)).text
const usual = () => mqttPacket.generate(connectWith(token))

/** What comes of these bytes, however they are cut. */
const outcomeOf = async (...chunks: readonly Uint8Array[]): Promise<string> => {
  const conn = new PassThrough()
  let outcome = 'waits'
  waitInLobby(conn, {
    onConnect: (packet, rest) => {
      outcome = `${packet.clientId} ${rest.length}`
    },
    onRefused: (code) => {
      outcome = `refused ${code}`
    },
  })
  for (const chunk of chunks) conn.write(chunk)
  await turn()
  await turn()
  return outcome
}

/** A CONNECT with one byte of it changed. */
const changed = (at: number, to: number): Buffer => {
  const bytes = usual()
  bytes[at] = to
  return bytes
}

const field = (bytes: Buffer): Buffer =>
  Buffer.concat([Buffer.from([bytes.length >> 8, bytes.length & 255]), bytes])

/** By hand, for what the generator would not say. */
const handmade = (flags: number, ...fields: readonly Buffer[]): Buffer => {
  const head = [field(Buffer.from('MQTT')), Buffer.from([4, flags, 0, 60])]
  const body = Buffer.concat([...head, ...fields.map(field)])
  return Buffer.concat([Buffer.from([0x10, body.length]), body])
}
const [name, password] = [Buffer.from('device'), Buffer.from(token)]

const cases: readonly (readonly [string, Buffer, string])[] = [
  ['a good one', usual(), 'raw 0'],
  ['another packet first', Buffer.from([0xc0, 0]), 'refused undefined'],
  [
    'a remaining length of five bytes',
    Buffer.from([0x10, 255, 255, 255, 255, 1]),
    'refused undefined',
  ],
  ['flags in the first byte', changed(0, 0x11), 'refused undefined'],
  ['another protocol', changed(4, 0x58), 'refused undefined'],
  ['MQTT 5', changed(8, 5), 'refused 1'],
  ['the reserved flag', changed(9, 0xc3), 'refused undefined'],
  ['a QoS of 3 for a will', changed(9, 0xde), 'refused undefined'],
  ['a will QoS without a will', changed(9, 0xca), 'refused undefined'],
  ['a password without a user name', handmade(0x42, name, password), 'refused undefined'],
  [
    'a byte too many',
    handmade(0xc2, Buffer.from('c'), name, password, Buffer.alloc(0)),
    'refused undefined',
  ],
  [
    'NUL in the client id',
    handmade(0xc2, Buffer.from('a\0b'), name, password),
    'refused undefined',
  ],
  [
    'a lone surrogate',
    handmade(0xc2, Buffer.from([0xed, 0xa0, 0x80]), name, password),
    'refused undefined',
  ],
  [
    'bytes that are no text',
    handmade(0xc2, Buffer.from([0xff]), name, password),
    'refused undefined',
  ],
  ['U+FFFF, which is a text', handmade(0xc2, Buffer.from('\uffff'), name, password), '\uffff 0'],
  ['__proto__', handmade(0xc2, Buffer.from('__proto__'), name, password), '__proto__ 0'],
  [
    'garbage for a token',
    handmade(0xc2, Buffer.from('c'), name, Buffer.from('dtok_x')),
    'refused 4',
  ],
  ['no password', handmade(0x02, Buffer.from('c')), 'refused 4'],
]

for (const [what, bytes, outcome] of cases)
  test(`${what}: ${outcome}`, async () => {
    assert.is(await outcomeOf(bytes), outcome)
    const single = Array.from(bytes, (byte) => Uint8Array.of(byte))
    assert.is(await outcomeOf(...single), outcome, 'byte by byte')
  })

test('what comes behind the packet is left to whoever lets it in', async () => {
  assert.is(await outcomeOf(Buffer.concat([usual(), Buffer.from([0xc0, 0])])), 'raw 2')
})

test('at the limit a packet is judged, past it nobody waits for its body', async () => {
  const [limit, past] = [mqttPacketBytesBeforeConnackMax, mqttPacketBytesBeforeConnackMax + 1]
  const room = limit - (handmade(0xc2, Buffer.alloc(0), name, password).length - 2)
  const body = handmade(0xc2, Buffer.alloc(room, 'c'), name, password).subarray(2)
  assert.is(body.length, limit)
  const head = (length: number) => Buffer.from([0x10, (length & 0x7f) | 0x80, length >> 7])
  assert.match(await outcomeOf(head(limit), body), /^c+ /)
  assert.is(await outcomeOf(head(limit), body.subarray(1)), 'waits')
  assert.is(await outcomeOf(head(past)), 'refused undefined')
})

test('what the generator says is read as it was meant', () => {
  const text = fc.string({ unit: 'grapheme', maxLength: 20 }).filter((one) => !one.includes('\0'))
  fc.assert(
    fc.property(
      text,
      text,
      fc.boolean(),
      fc.integer({ min: 30, max: 1200 }),
      (id, secret, retain, keepalive) => {
        const will = { topic: 'v1/x', payload: Buffer.from([0, 255]), qos: 1 as const, retain }
        const bytes = mqttPacket.generate(connectWith(secret, { clientId: id, keepalive, will }))
        const bodyAt = (bytes[1] ?? 0) < 0x80 ? 2 : 3
        const expected = {
          kind: 'connect',
          keepAliveSeconds: keepalive,
          isClean: true,
          clientId: id,
          will: { topic: 'v1/x', isRetained: retain },
          password: secret,
        }
        assert.equal(parseConnect(bytes.subarray(bodyAt)), expected)
      },
    ),
  )
})

test('no bytes at all make it throw', () => {
  fc.assert(
    fc.property(
      fc.uint8Array({ maxLength: 100 }),
      (bytes) => void parseConnect(Buffer.from(bytes)),
    ),
  )
})

test.run()

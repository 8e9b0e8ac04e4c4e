import mqttPacket, { type Packet } from 'mqtt-packet'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { publishBytes, subackBytes, unsubackBytes } from '../../src/mqtt/packets.ts'

const test = suite('packets that the broker writes')

const parsed = (bytes: Buffer): Packet => {
  const all: Packet[] = []
  const parser = mqttPacket.parser()
  parser.on('packet', (packet: Packet) => all.push(packet))
  assert.is(parser.parse(bytes), 0)
  const [only] = all
  assert.ok(only && all.length === 1)
  return only
}

test('a PUBLISH of either QoS, at every length of its length', () => {
  for (const length of [0, 1, 100, 127, 128, 16_383, 16_384, 100_000])
    for (const id of [undefined, 1, 0xffff]) {
      const payload = Buffer.alloc(length, 'x')
      const packet = parsed(publishBytes('v1/devices/me/down/tïme', payload, id))
      assert.ok(packet.cmd === 'publish')
      const { topic, qos, retain, dup, messageId } = packet
      assert.equal(
        [topic, qos, retain, dup, messageId],
        ['v1/devices/me/down/tïme', id === undefined ? 0 : 1, false, false, id],
      )
      assert.ok(payload.equals(Buffer.from(packet.payload)))
    }
})

test('SUBACK and UNSUBACK', () => {
  const suback = parsed(subackBytes(0x1234, [0, 1, 0x80]))
  assert.ok(suback.cmd === 'suback')
  assert.equal([suback.messageId, suback.granted], [0x1234, [0, 1, 0x80]])
  assert.is(parsed(unsubackBytes(0xffff)).messageId, 0xffff)
})

test.run()

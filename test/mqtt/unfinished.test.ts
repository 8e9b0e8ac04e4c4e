import { createServer, type Socket } from 'node:net'
import { PassThrough } from 'node:stream'
import { Aedes } from 'aedes'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import WebSocket from 'ws'
import { mqttPacketBytesMax, mqttUnfinishedBytesMax } from '../../protocol/limits.ts'
import { internals } from '../../src/mqtt/aedes-client.ts'
import { takeFrames } from '../../src/mqtt/frames.ts'
import { frameHeld, overWebSocket } from '../../src/mqtt/transports.ts'
import { Unfinished } from '../../src/mqtt/unfinished.ts'
import { until } from '../support/until.ts'

const test = suite('packets that are not whole')

const stage = () => {
  const unfinished = new Unfinished()
  const cut: string[] = []
  const holder = (name: string) => unfinished.holder(() => void cut.push(name))
  return { unfinished, cut, holder }
}

test('at the mark nobody is cut; one byte past it whoever has been at it longest is', () => {
  const { unfinished, cut, holder } = stage()
  const [a, b, c] = ['a', 'b', 'c'].map(holder)
  a?.(1)
  b?.(mqttUnfinishedBytesMax - 2)
  c?.(1)
  // More of the same packet, after others have begun theirs.
  a?.(2)
  assert.equal(cut, ['a'])
  assert.is(unfinished.bytes, mqttUnfinishedBytesMax - 1)
  c?.(2)
  assert.equal(cut, ['a'])
  c?.(3)
  assert.equal(cut, ['a', 'b'])
  assert.is(unfinished.bytes, 3)
})

test('whose packet became whole begins anew, behind all others', () => {
  const { unfinished, cut, holder } = stage()
  const [a, b] = ['a', 'b'].map(holder)
  a?.(10)
  b?.(10)
  a?.(0)
  a?.(mqttUnfinishedBytesMax - 10)
  a?.(mqttUnfinishedBytesMax - 9)
  assert.equal(cut, ['b'])
  a?.(0)
  assert.is(unfinished.bytes, 0)
})

test('what a client holds is told as it grows, and that it is none once the packet is whole', async () => {
  const broker = await Aedes.createBroker()
  const client = broker.handle(new PassThrough())
  const told: number[] = []
  const payloads: number[] = []
  takeFrames(client, {
    take: ({ payload }) => payloads.push(payload.length) > 0,
    bytesMax: () => mqttPacketBytesMax,
    onHeld: (bytes) => told.push(bytes),
  })
  const parse = (bytes: Buffer) => internals(client)._parser.parse(bytes)
  // QoS 0, to the topic `t`.
  const whole = Buffer.concat([Buffer.from([0x30, 103, 0, 1, 0x74]), Buffer.alloc(100)])
  parse(whole)
  assert.equal([told, payloads], [[], [100]])
  parse(Buffer.concat([whole, whole.subarray(0, 40)]))
  parse(whole.subarray(40, 90))
  parse(whole.subarray(90))
  assert.equal(
    [told, payloads],
    [
      [40, 90, 0],
      [100, 100, 100],
    ],
  )
  client.close()
  await new Promise<void>((resolve) => broker.close(() => resolve()))
})

test('a frame of a WebSocket that is not whole counts, and pings count for nothing', async () => {
  const transport = overWebSocket()
  const told: number[] = []
  const server = createServer((socket) =>
    transport(socket, (conn) => {
      conn.on(frameHeld, (bytes: number) => told.push(bytes))
      conn.resume()
    }),
  )
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  const port = typeof address === 'object' ? (address?.port ?? 0) : 0
  const client = new WebSocket(`ws://127.0.0.1:${port}`, ['mqtt'])
  const upgraded = new Promise<Socket>((resolve) =>
    client.once('upgrade', ({ socket }) => resolve(socket)),
  )
  const opened = new Promise((resolve) => client.once('open', resolve))
  const [socket] = await Promise.all([upgraded, opened])
  const last = (bytes: number) => until(() => told.at(-1) === bytes, { what: `${bytes} held` })
  client.ping('hello')
  await last(0)
  // Binary, masked with zeros, 1,000 bytes long.
  socket.write(Buffer.from([0x82, 0xfe, 0x03, 0xe8, 0, 0, 0, 0]))
  await last(8)
  socket.write(Buffer.alloc(900))
  await last(908)
  socket.write(Buffer.alloc(100))
  await last(0)
  // A fragment counts until its message is whole, with a ping in between or not.
  socket.write(Buffer.from([0x02, 0x82, 0, 0, 0, 0, 1, 2]))
  await last(8)
  client.ping('hello')
  await last(8)
  socket.write(Buffer.from([0x80, 0x80, 0, 0, 0, 0]))
  await last(0)
  client.terminate()
  server.close()
})

test.run()

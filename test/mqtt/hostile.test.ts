import { connect, type Socket } from 'node:net'
import { connect as connectTls } from 'node:tls'
import { fileURLToPath } from 'node:url'
import mqttPacket, { type Packet } from 'mqtt-packet'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import WebSocket from 'ws'
import { beat, openEdge } from '../support/mqtt-edge.ts'
import { proxied, proxyHeader } from '../support/proxy-header.ts'
import { connectWith, rawMqtt } from '../support/raw-mqtt.ts'
import { serveLapel } from '../support/served-lapel.ts'
import { until } from '../support/until.ts'

// Clients that keep to the letter of their protocols and to nothing else.

const test = suite('MQTT: odd clients')
const fileOf = (name: string) => fileURLToPath(new URL(`../support/tls/${name}`, import.meta.url))
const edge = await openEdge({
  LAPEL_MQTTS: '127.0.0.1:0',
  LAPEL_TLS_CERT: fileOf('first.crt'),
  LAPEL_TLS_KEY: fileOf('first.key'),
  LAPEL_MQTT_WS: '127.0.0.1:0',
})
const { lapel, port, signedIn, entriesOf } = edge
const behind = await serveLapel({ LAPEL_PROXY_PROTOCOL: 'v2' })
const portOf = (url: string | undefined) => Number(url?.split(':').at(-1))
const [tlsPort, wsPort] = [portOf(lapel.node.mqtts), portOf(lapel.node.mqtt_ws)]

const heartbeat = (messageId: number, given: object = {}): Packet =>
  ({
    cmd: 'publish',
    topic: 'v1/devices/me/heartbeat',
    messageId,
    qos: 1,
    dup: false,
    retain: false,
    payload: `{"boot":1,"seq":${messageId}}`,
    ...given,
  }) as Packet

const bytesOf = (...packets: Packet[]): Buffer =>
  Buffer.concat(packets.map((packet) => mqttPacket.generate(packet)))

/** Every byte for itself, as slow networks and hostile clients send them. */
const inBytes = async (bytes: Buffer, write: (one: Buffer) => void): Promise<void> => {
  for (const byte of bytes) {
    write(Buffer.from([byte]))
    await new Promise((resolve) => setImmediate(resolve))
  }
}

test('CONNECT, PUBLISH and DISCONNECT a byte at a time', async () => {
  const device = await lapel.boundDevice()
  const raw = rawMqtt(port)
  await inBytes(bytesOf(connectWith(device.token), heartbeat(1)), raw.write)
  assert.is((await raw.take('puback')).messageId, 1)
  await inBytes(bytesOf({ cmd: 'disconnect' }), raw.write)
  await raw.closed()
})

const overWebSocket = async (
  send: (socket: WebSocket, byte: Buffer, at: { isLast: boolean; i: number }) => void,
) => {
  const device = await lapel.boundDevice()
  const socket = new WebSocket(`ws://127.0.0.1:${wsPort}`, ['mqtt'])
  const parser = mqttPacket.parser()
  const met: string[] = []
  parser.on('packet', ({ cmd }: Packet) => met.push(cmd))
  socket.on('message', (bytes: Buffer) => parser.parse(bytes))
  await new Promise((resolve) => socket.once('open', resolve))
  const bytes = bytesOf(connectWith(device.token), heartbeat(1))
  for (const [i, byte] of bytes.entries())
    send(socket, Buffer.from([byte]), { i, isLast: i === bytes.length - 1 })
  await until(() => met.includes('puback'), { what: 'PUBACK' })
  assert.equal(met, ['connack', 'puback'])
  socket.terminate()
  assert.is((await entriesOf(device)).length, 1)
}

test('a WebSocket whose frames hold a byte each', () =>
  overWebSocket((socket, byte) => socket.send(byte)))

test('a WebSocket whose only message comes in fragments of a byte, with pings in between', () =>
  overWebSocket((socket, byte, { i, isLast }) => {
    socket.send(byte, { fin: isLast })
    if (i % 10 === 0 && !isLast) socket.ping()
  }))

const tlv = Buffer.from([0x04, 0, 3, 1, 2, 3])
const headers: readonly (readonly [string, Buffer])[] = [
  ['in single bytes', proxied('192.0.2.9')],
  ['of a balancer that speaks for itself', proxyHeader({ command: 0x20, family: 0, rest: tlv })],
  [
    'with more behind the addresses',
    proxyHeader({ rest: Buffer.concat([proxied('192.0.2.9').subarray(16), tlv, tlv]) }),
  ],
]
for (const [what, header] of headers)
  test(`a PROXY header ${what}, and the CONNECT behind it`, async () => {
    const device = await behind.boundDevice()
    const raw = rawMqtt(behind.mqttPort)
    await inBytes(header, raw.write)
    raw.send(connectWith(device.token))
    assert.is((await raw.take('connack')).returnCode, 0)
    beat(raw, 1, {})
    await raw.take('puback')
    raw.end()
  })

/** How a socket that begins like this on the TLS port ends. */
const onTls = (begin: (socket: Socket) => void): Promise<void> =>
  new Promise((resolve) => {
    const socket = connect({ port: tlsPort, host: '127.0.0.1' })
    socket.on('error', () => {})
    socket.once('close', () => resolve())
    socket.resume()
    socket.once('connect', () => begin(socket))
  })

test('on the TLS port: plain MQTT, a record that is none, a handshake broken off, an end in its midst', async () => {
  const helloOf = async (): Promise<Buffer> => {
    let hello: Buffer = Buffer.alloc(0)
    const socket = connect({ port: tlsPort, host: '127.0.0.1' })
    const write = socket.write.bind(socket)
    Object.assign(socket, {
      write: (bytes: Buffer, ...rest: []) => {
        hello = Buffer.from(bytes)
        return write(bytes, ...rest)
      },
    })
    const secure = connectTls({ socket, rejectUnauthorized: false })
    await new Promise((resolve) => secure.once('secureConnect', resolve))
    secure.destroy()
    return hello
  }
  const { token } = await lapel.boundDevice()
  const hello = await helloOf()
  await onTls((socket) => socket.write(bytesOf(connectWith(token))))
  await onTls((socket) => socket.end(Buffer.from([0x16, 3, 1, 0xff, 0xff, 1])))
  await onTls((socket) => socket.end(hello.subarray(0, hello.length / 2)))
  await onTls((socket) => {
    socket.write(hello)
    socket.resetAndDestroy()
  })
  const secure = connectTls({ port: tlsPort, host: '127.0.0.1', rejectUnauthorized: false })
  secure.on('error', () => {})
  const answer = new Promise<Buffer>((resolve) => secure.once('data', resolve))
  secure.write(bytesOf(connectWith(token)))
  assert.equal([...(await answer)], [0x20, 2, 0, 0])
  // A good-bye of TLS alone, without MQTT's.
  secure.end()
})

const violations: readonly (readonly [string, Buffer])[] = [
  ['a PUBLISH of QoS 1 with packet id 0', bytesOf(heartbeat(1, { payload: '{}' }))],
  ['a PUBLISH of QoS 2 with packet id 0', bytesOf(heartbeat(1, { qos: 2 }))],
  ['an empty topic', Buffer.from([0x32, 6, 0, 0, 0, 1, 0x7b, 0x7d])],
  ['a second CONNECT', bytesOf(connectWith('x'))],
  ['a topic longer than its packet', Buffer.from([0x32, 4, 0xff, 0xff, 0, 1])],
  ['a SUBSCRIBE with packet id 0', Buffer.from([0x82, 6, 0, 0, 0, 1, 0x61, 0])],
  ['AUTH of MQTT 5', Buffer.from([0xf0, 0])],
]
for (const [what, packet] of violations)
  test(`${what} ends the connection, and nothing is stored`, async () => {
    const device = await lapel.boundDevice()
    const raw = await signedIn(device)
    const idAt = packet.indexOf('heartbeat')
    if (idAt > 0) packet.writeUInt16BE(0, idAt + 'heartbeat'.length)
    raw.write(packet)
    await raw.closed()
    assert.equal(
      raw.packets.map(({ cmd }) => cmd),
      ['connack'],
    )
    assert.equal(await entriesOf(device), [])
  })

test('what comes behind DISCONNECT is not met [MQTT-3.14.4-2]', async () => {
  const device = await lapel.boundDevice()
  const raw = await signedIn(device)
  raw.write(bytesOf(heartbeat(1), { cmd: 'disconnect' }, heartbeat(2)))
  await raw.closed()
  const again = await signedIn(device)
  beat(again, 3, { boot: 1, seq: 3 })
  await again.take('puback')
  again.end()
  const seqs = (await entriesOf(device)).map(({ seq }) => seq)
  assert.not.ok(seqs.includes(2), `${seqs}`)
})

test('acknowledgements of what was never sent end nothing', async () => {
  const raw = await signedIn(await lapel.boundDevice())
  for (const cmd of ['puback', 'pubcomp', 'pubrel'] as const)
    for (let messageId = 1; messageId <= 50; messageId += 1) raw.send({ cmd, messageId })
  beat(raw, 9, {})
  assert.is((await raw.take('puback')).messageId, 9)
  raw.end()
})

test('QoS 2 said again in the next session: no session is present, and it is stored once', async () => {
  const device = await lapel.boundDevice()
  const first = await signedIn(device)
  first.send(heartbeat(7, { qos: 2 }))
  await first.take('pubrec')
  first.end()
  const again = rawMqtt(port)
  again.send(connectWith(device.token, { clean: false }))
  assert.is((await again.take('connack')).sessionPresent, false)
  again.send(heartbeat(7, { qos: 2, dup: true }))
  assert.is((await again.take('pubrec')).messageId, 7)
  again.send({ cmd: 'pubrel', messageId: 7 })
  assert.is((await again.take('pubcomp')).messageId, 7)
  again.end()
  assert.is((await entriesOf(device)).length, 1)
})

test.after(async () => {
  await edge.end()
  await behind.stop()
  await behind.remove()
})

test.run()

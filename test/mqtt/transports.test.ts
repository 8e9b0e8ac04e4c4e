import { copyFile, writeFile } from 'node:fs/promises'
import { connect } from 'node:net'
import { join } from 'node:path'
import { connect as connectTls, type TLSSocket } from 'node:tls'
import { fileURLToPath } from 'node:url'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import WebSocket from 'ws'
import { mqttConnectMsMax, mqttFirstBytesMax } from '../../protocol/limits.ts'
import { connectDevice } from '../support/mqtt-device.ts'
import { proxied } from '../support/proxy-header.ts'
import { connackOf, connectWith, rawMqtt } from '../support/raw-mqtt.ts'
import { serveLapel } from '../support/served-lapel.ts'
import { temporaryFolder } from '../support/temporary-folder.ts'
import { until } from '../support/until.ts'

const test = suite('MQTT over TLS, WebSocket and behind a balancer')

const folder = await temporaryFolder()
const [certFile, keyFile] = [join(folder.path, 'tls.crt'), join(folder.path, 'tls.key')]
const useCertificate = async (name: 'first' | 'second') => {
  const from = (end: string) =>
    fileURLToPath(new URL(`../support/tls/${name}.${end}`, import.meta.url))
  await copyFile(from('crt'), certFile)
  await copyFile(from('key'), keyFile)
}
await useCertificate('first')

const tls = { LAPEL_MQTTS: '127.0.0.1:0', LAPEL_TLS_CERT: certFile, LAPEL_TLS_KEY: keyFile }
const lapel = await serveLapel({ ...tls, LAPEL_MQTT_WS: '127.0.0.1:0' })
const behind = await serveLapel({
  ...tls,
  LAPEL_MQTT_WS: '127.0.0.1:0',
  LAPEL_PROXY_PROTOCOL: 'v2',
})
const portOf = (url: string | undefined) => Number(url?.split(':').at(-1))
const [tlsPort, wsPort] = [portOf(lapel.node.mqtts), portOf(lapel.node.mqtt_ws)]
const device = await lapel.boundDevice()

const handshake = (options: object = {}): Promise<TLSSocket> =>
  new Promise((resolve, reject) => {
    const socket = connectTls({
      port: tlsPort,
      host: '127.0.0.1',
      rejectUnauthorized: false,
      ...options,
    })
    socket.once('error', reject)
    socket.once('secureConnect', () => resolve(socket))
  })

const nameOf = (socket: TLSSocket): unknown => socket.getPeerCertificate().subject?.CN

const serves = async (protocol: 'mqtts' | 'ws', port: number) => {
  const own = await lapel.boundDevice()
  const client = await connectDevice(port, own.token, { protocol, rejectUnauthorized: false })
  await client.publish('v1/devices/me/heartbeat', { battery_percent: 7 })
  await until(
    async () => (await lapel.api(`GET /v1/devices/${own.id}`)).body['battery_percent'] === 7,
    { what: 'the heartbeat' },
  )
  await lapel.api(`POST /v1/devices/${own.id}/unbind`)
  await client.closed
}

test('a device over TLS: heartbeat, and its socket closes when it is unbound', () =>
  serves('mqtts', tlsPort))

test('the same over WebSocket', () => serves('ws', wsPort))

test('TLS 1.2 is spoken, 1.1 is not', async () => {
  const socket = await handshake({ maxVersion: 'TLSv1.2' })
  assert.is(socket.getProtocol(), 'TLSv1.2')
  socket.destroy()
  const old = { minVersion: 'TLSv1', maxVersion: 'TLSv1.1', ciphers: 'DEFAULT@SECLEVEL=0' }
  const refused = await handshake(old).catch((error: Error) => error)
  assert.instance(refused, Error)
})

test('SIGHUP reads the certificate anew: who is connected stays, who comes gets the new one; a faulty one changes nothing', async () => {
  const old = await connectDevice(tlsPort, device.token, {
    protocol: 'mqtts',
    rejectUnauthorized: false,
  })
  const nameNow = async () => {
    const socket = await handshake()
    const name = nameOf(socket)
    socket.destroy()
    return name
  }
  assert.is(await nameNow(), 'first.lapel.test')
  await useCertificate('second')
  process.kill(lapel.node.pid, 'SIGHUP')
  await until(async () => (await nameNow()) === 'second.lapel.test', {
    what: 'the new certificate',
  })
  await writeFile(keyFile, 'no key')
  process.kill(lapel.node.pid, 'SIGHUP')
  await until(() => lapel.output().includes('the one before stays'), { what: 'the complaint' })
  assert.is(await nameNow(), 'second.lapel.test')
  await old.publish('v1/devices/me/heartbeat', { battery_percent: 8 })
  await old.end()
  await useCertificate('first')
})

const webSocket = (protocols: string[], port = wsPort) =>
  new WebSocket(`ws://127.0.0.1:${port}/mqtt`, protocols)

/** How it ended: with an answer that is no upgrade, or with its close. */
const endOf = (socket: WebSocket): Promise<string> =>
  new Promise((resolve) => {
    // What was not read of it makes of its end a reset.
    socket.on('error', ({ message }) => message.includes('response') && resolve(message))
    socket.on('close', () => resolve('closed'))
  })

test('a WebSocket without the subprotocol mqtt is refused, and so is what is none', async () => {
  assert.match(await endOf(webSocket([])), /400/)
  assert.match(await endOf(webSocket(['chat'])), /400/)
  assert.is((await fetch(`http://127.0.0.1:${wsPort}/`)).status, 426)
})

test('a text frame ends a WebSocket, and so do more first bytes than the limit', async () => {
  const text = webSocket(['mqtt'])
  text.on('open', () => text.send('hello'))
  assert.is(await endOf(text), 'closed')
  const large = webSocket(['mqtt'])
  large.on('open', () => large.send(Buffer.alloc(mqttFirstBytesMax + 1, 0x10)))
  assert.is(await endOf(large), 'closed')
})

test('silence ends a TLS handshake and a WebSocket as it ends a TCP connection', async () => {
  const started = performance.now()
  const ends = [tlsPort, wsPort].map(
    (port) =>
      new Promise<void>((resolve) => {
        const socket = connect({ port, host: '127.0.0.1' })
        socket.on('error', () => {})
        socket.on('close', () => resolve())
        if (port === wsPort) socket.write('GET /mqtt HTTP/1.1\r\n')
      }),
  )
  await Promise.all([...ends, endOf(webSocket(['mqtt']))])
  const took = performance.now() - started
  // Not at once, and not when Node's own patience with a request ends, after 30 s.
  assert.ok(took > mqttConnectMsMax - 1_000 && took < 25_000, `${took} ms`)
})

test('behind a balancer the address of its header counts, on every listener', async () => {
  const own = await behind.boundDevice()
  const raw = rawMqtt(behind.mqttPort)
  raw.write(Buffer.concat([proxied('192.0.2.9'), Buffer.from([])]))
  raw.send(connectWith(own.token))
  assert.is((await raw.take('connack')).returnCode, 0)
  raw.end()

  const socket = connect({ port: portOf(behind.node.mqtts), host: '127.0.0.1' })
  socket.write(proxied('192.0.2.9'))
  const secure = connectTls({ socket, rejectUnauthorized: false })
  await new Promise((resolve) => secure.once('secureConnect', resolve))
  assert.is(nameOf(secure), 'first.lapel.test')
  secure.destroy()

  const upgrade = connect({ port: portOf(behind.node.mqtt_ws), host: '127.0.0.1' })
  let answer = ''
  upgrade.on('data', (bytes) => {
    answer += bytes.toString('latin1')
  })
  const head = [
    'GET / HTTP/1.1',
    'Host: x',
    'Connection: Upgrade',
    'Upgrade: websocket',
    'Sec-WebSocket-Version: 13',
    'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==',
    'Sec-WebSocket-Protocol: mqtt',
  ]
  upgrade.write(Buffer.concat([proxied('192.0.2.9'), Buffer.from(`${head.join('\r\n')}\r\n\r\n`)]))
  await until(() => answer.startsWith('HTTP/1.1 101'), { what: 'the upgrade' })
  upgrade.destroy()
})

test('behind a balancer who sends no header is closed; without one its header is no MQTT', async () => {
  const own = await behind.boundDevice()
  const bare = rawMqtt(behind.mqttPort)
  bare.send(connectWith(own.token))
  await bare.closed()
  assert.equal(bare.packets, [])
  const early = rawMqtt(lapel.mqttPort)
  early.write(proxied('192.0.2.9'))
  await early.closed()
  assert.is(await connackOf(lapel.mqttPort, connectWith(device.token)), 0)
})

test.after(async () => {
  for (const one of [lapel, behind]) {
    await one.stop()
    await one.remove()
  }
  await folder.remove()
})

test.run()

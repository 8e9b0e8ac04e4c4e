import { spawn } from 'node:child_process'
import { readFile, writeFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import mqttPacket, { type Packet } from 'mqtt-packet'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { isInstalled } from '../../support/installed.ts'
import { connectWith, rawMqtt } from '../../support/raw-mqtt.ts'
import { type BoundDevice, serveLapel } from '../../support/served-lapel.ts'
import { temporaryFolder } from '../../support/temporary-folder.ts'
import { until } from '../../support/until.ts'

// The same packets to Mosquitto and to Lapel: what differs is exactly what the table in docs/mqtt-differences.md explains.

const test = suite('MQTT beside Mosquitto')
const program = '/usr/sbin/mosquitto'

type Step = Packet | Buffer
const topic = 'v1/devices/me/heartbeat'
const publish = (given: object = {}): Packet =>
  ({
    cmd: 'publish',
    topic,
    messageId: 1,
    qos: 1,
    dup: false,
    retain: false,
    payload: '{}',
    ...given,
  }) as Packet
const subscribe = (...topics: string[]): Packet => ({
  cmd: 'subscribe',
  messageId: 1,
  subscriptions: topics.map((one) => ({ topic: one, qos: 1 as const })),
})
const rawPublish = (name: Buffer, id: number, first = 0x32): Buffer => {
  const body = Buffer.concat([
    Buffer.from([name.length >> 8, name.length & 255]),
    name,
    Buffer.from([id >> 8, id & 255, 0x7b, 0x7d]),
  ])
  return Buffer.concat([Buffer.from([first, body.length]), body])
}

/** Behind a CONNECT that both accept, unless it is one itself. */
const sequences: Readonly<Record<string, readonly Step[]>> = {
  'a publish of QoS 1': [publish()],
  'a publish of QoS 2 and its release': [publish({ qos: 2 }), { cmd: 'pubrel', messageId: 1 }],
  'a release of nothing': [{ cmd: 'pubrel', messageId: 9 }],
  'a ping': [{ cmd: 'pingreq' }],
  'the own downlink': [subscribe('v1/devices/me/down/#')],
  'a filter of others': [subscribe('#')],
  'nine filters': [subscribe(...Array.from({ length: 9 }, (_, i) => `a/${i}`))],
  'an unsubscription of nothing': [{ cmd: 'unsubscribe', messageId: 1, unsubscriptions: ['a'] }],
  'a retained publish': [publish({ retain: true })],
  'a topic elsewhere': [publish({ topic: 'hello' })],
  'a packet id of 0': [rawPublish(Buffer.from(topic), 0)],
  'an empty topic': [rawPublish(Buffer.alloc(0), 1)],
  'NUL in a topic': [rawPublish(Buffer.from('a\0b'), 1)],
  'no UTF-8 in a topic': [rawPublish(Buffer.from([0xc3, 0x28]), 1)],
  'a wildcard in a topic': [rawPublish(Buffer.from('a/#'), 1)],
  'QoS 3': [rawPublish(Buffer.from(topic), 1, 0x36)],
  'a second CONNECT': [connectWith('x')],
  'a CONNACK from a client': [Buffer.from([0x20, 2, 0, 0])],
  'a packet of type 0': [Buffer.from([0x00, 0])],
  'a SUBSCRIBE without a filter': [Buffer.from([0x82, 2, 0, 1])],
  'an UNSUBSCRIBE without a filter': [Buffer.from([0xa2, 2, 0, 1])],
  'a SUBSCRIBE with a packet id of 0': [Buffer.from([0x82, 6, 0, 0, 0, 1, 0x61, 0])],
  'a SUBSCRIBE with wrong flags': [Buffer.from([0x80, 6, 0, 1, 0, 1, 0x61, 0])],
  'a remaining length of five bytes': [Buffer.from([0x30, 255, 255, 255, 255, 1])],
  'a good-bye': [{ cmd: 'disconnect' }],
}

const outcomeOf = async (port: number, token: string, steps: readonly Step[]): Promise<string> => {
  const raw = rawMqtt(port)
  raw.send(connectWith(token, { clientId: 'beside' }))
  await raw.take('connack')
  for (const step of steps) raw.write(Buffer.isBuffer(step) ? step : mqttPacket.generate(step))
  // A ping behind them: its answer says that everything before it was met.
  raw.write(Buffer.from([0xc0, 0]))
  const met = () => raw.isClosed() || raw.packets.some(({ cmd }) => cmd === 'pingresp')
  await until(met, { msMax: 8_000, what: 'an end' })
  // Acknowledgements of what is stored come behind it.
  await delay(150)
  const answers = raw.packets.slice(1).flatMap((one) => {
    if (one.cmd === 'suback') return [`suback ${one.granted.join(' ')}`]
    return one.cmd === 'publish' || one.cmd === 'pingresp' ? [] : [one.cmd]
  })
  const outcome = [...answers.sort(), raw.isClosed() ? 'closed' : 'open'].join(', ')
  raw.end()
  return outcome
}

const freePort = (): Promise<number> =>
  new Promise((resolve) => {
    const server = createServer().listen(0, '127.0.0.1', () => {
      const address = server.address()
      server.close(() => resolve(typeof address === 'object' && address ? address.port : 0))
    })
  })

const startMosquitto = async () => {
  const folder = await temporaryFolder()
  const port = await freePort()
  const file = join(folder.path, 'mosquitto.conf')
  await writeFile(file, `listener ${port} 127.0.0.1\nallow_anonymous true\n`)
  const child = spawn(program, ['-c', file], { stdio: 'ignore' })
  const accepts = async () => {
    const raw = rawMqtt(port)
    raw.send(connectWith('x'))
    await raw.take('connack')
    raw.end()
    return true
  }
  await until(accepts, { msMax: 20_000, what: 'Mosquitto' })
  return {
    port,
    stop: async () => {
      child.kill('SIGKILL')
      await folder.remove()
    },
  }
}

const explained = async (): Promise<ReadonlyMap<string, string>> => {
  const text = await readFile(new URL('../../../docs/mqtt-differences.md', import.meta.url), 'utf8')
  const rows = [...text.matchAll(/^\| (.+?) \| (.+?) \| (.+?) \| (.+?) \|$/gm)]
  return new Map(rows.map(([, name = '', theirs, ours]) => [name, `${theirs} / ${ours}`]))
}

if (isInstalled('Mosquitto', program, ['-h']))
  test('every difference is explained, and nothing else is', async () => {
    const mosquitto = await startMosquitto()
    const lapel = await serveLapel({ LAPEL_LOG: 'error' })
    try {
      const devices: BoundDevice[] = [await lapel.boundDevice(), await lapel.boundDevice()]
      const table = await explained()
      const wrong: string[] = []
      for (const [i, [name, steps]] of Object.entries(sequences).entries()) {
        const theirs = await outcomeOf(mosquitto.port, 'x', steps)
        const ours = await outcomeOf(lapel.mqttPort, devices[i % 2]?.token ?? '', steps)
        const found = theirs === ours ? undefined : `${theirs} / ${ours}`
        if (table.get(name) !== found) wrong.push(`| ${name} | ${theirs} | ${ours} |`)
      }
      assert.is(wrong.join('\n'), '')
    } finally {
      await mosquitto.stop()
      await lapel.stop()
      await lapel.remove()
    }
  })
else
  test('SKIPPED: Mosquitto is not installed', () => {
    assert.ok(Object.keys(sequences).length > 20)
  })

test.run()

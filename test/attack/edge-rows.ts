import { randomBytes } from 'node:crypto'
import { connect, type Socket } from 'node:net'
import { setTimeout as delay } from 'node:timers/promises'
import mqttPacket from 'mqtt-packet'
import {
  mqttSignInsMax,
  mqttSilentConnectionsPerAddressMax,
  topicLevelsMax,
} from '../../protocol/limits.ts'
import { mintToken } from '../../protocol/tokens.ts'
import { connackOf, connectWith, type RawMqtt, rawMqtt } from '../support/raw-mqtt.ts'
import { until } from '../support/until.ts'
import { countWithin, signIn } from './broker-rows.ts'
import { growthMib } from './process-cost.ts'
import { atMost, type Row } from './row.ts'

const heartbeat = 'v1/devices/me/heartbeat'
const publishOf = (topic: string, messageId: number, payload: string | Buffer = '{}') =>
  ({ cmd: 'publish', topic, messageId, qos: 1, dup: false, retain: false, payload }) as const

const publish = (
  raw: RawMqtt,
  messageId: number,
  topic = heartbeat,
  payload?: string | Buffer,
): void => raw.send(publishOf(topic, messageId, payload))

/** The packet's, or none where the connection ended. */
const answered = async (raw: RawMqtt, kind: string): Promise<boolean> => {
  const has = () => raw.packets.some(({ cmd }) => cmd === kind)
  await until(() => raw.isClosed() || has(), { what: `${kind} or the end` })
  return has()
}

const systemTopics: Row = {
  attack: '`$SYS`: a device that comes heard there, and two messages written there taken',
  bound: '0',
  measure: async (target) => {
    const ear = await signIn(target, { clientId: 'hears' })
    ear.send({ cmd: 'subscribe', messageId: 1, subscriptions: [{ topic: '$SYS/#', qos: 0 }] })
    await ear.take('suback')
    let count = 0
    for (const topic of ['$SYS/broker/version', '$SYS/x/new/clients']) {
      const raw = await signIn(target, { clientId: `writes ${topic}` })
      publish(raw, 1, topic)
      if (await answered(raw, 'puback')) count += 1
      raw.end()
    }
    count += await countWithin(() => ear.packets.filter(({ cmd }) => cmd === 'publish').length)
    ear.end()
    return atMost(count, 0, '')
  },
}

const silentOfOneAddress: Row = {
  attack: 'silent sockets of one address, 2,100 at once: held',
  bound: `${mqttSilentConnectionsPerAddressMax}`,
  measure: async ({ port }) => {
    let [settled, open] = [0, 0]
    const sockets = Array.from({ length: mqttSilentConnectionsPerAddressMax + 100 }, () => {
      const socket = connect({ port, host: '127.0.0.1' })
      socket.on('error', () => {})
      socket.on('connect', () => {
        settled += 1
        open += 1
      })
      socket.on('close', () => {
        open -= 1
      })
      return socket.resume()
    })
    await until(() => settled === sockets.length, { what: 'every handshake' })
    await delay(1_000)
    for (const socket of sockets) socket.destroy()
    return atMost(open, mqttSilentConnectionsPerAddressMax, '')
  },
}

const connectStorm: Row = {
  attack: '1,000 CONNECTs at once whose tokens have to be looked up: waiting after 2.5 s',
  bound: `${mqttSignInsMax}`,
  measure: async ({ port }) => {
    let waiting = 1_000
    const sockets = Array.from({ length: waiting }, (_, i): Socket => {
      const socket = connect({ port, host: '127.0.0.1' })
      const { text } = mintToken('dtok', randomBytes)
      socket.on('error', () => {})
      socket.write(mqttPacket.generate(connectWith(text, { clientId: `storm ${i}` })))
      socket.once('data', () => {
        waiting -= 1
      })
      return socket
    })
    await delay(2_500)
    for (const socket of sockets) socket.destroy()
    return atMost(waiting, mqttSignInsMax, '')
  },
}

const pingBehindWrites: Row = {
  attack:
    'a PINGREQ behind 200 messages that wait for the store: without an answer while they wait',
  bound: '0',
  measure: async (target) => {
    const raw = await signIn(target, { clientId: 'pings' })
    const other = await signIn(target, { clientId: 'waits for nothing' })
    const goOn = await target.stall()
    try {
      for (let id = 1; id <= 200; id += 1) publish(raw, id)
      // A broker answers what came in one read with them. By the second answer to another they were read.
      for (let i = 0; i < 2; i += 1) {
        other.send({ cmd: 'pingreq' })
        await other.take('pingresp')
      }
      raw.send({ cmd: 'pingreq' })
      const isAnswered = () => raw.packets.some(({ cmd }) => cmd === 'pingresp')
      // Before a lease that hangs on that store ends.
      await until(isAnswered, { msMax: 1_900, what: 'PINGRESP' }).catch(() => {})
      return atMost(isAnswered() ? 0 : 1, 0, '')
    } finally {
      goOn()
      raw.end()
      other.end()
    }
  },
}

const highWater: Row = {
  attack:
    '20 devices that send 12 MB each in packets of 120 KB while the store stands still: memory',
  bound: '160 MiB',
  measure: async (target) => {
    const devices: RawMqtt[] = []
    for (let i = 0; i < 20; i += 1) devices.push(await signIn(target, { clientId: `sends ${i}` }))
    const payload = Buffer.alloc(120_000, 'x')
    const goOn = await target.stall()
    try {
      const mib = await growthMib(target.pid, async () => {
        for (const raw of devices)
          for (let id = 1; id <= 100; id += 1) publish(raw, id, heartbeat, payload)
        await delay(1_500)
      })
      return atMost(mib, 160, 'MiB')
    } finally {
      for (const raw of devices) raw.end()
      goOn()
      // A lease that hangs on that store may have ended meanwhile.
      const { token } = await target.device()
      const isBack = async () => (await connackOf(target.port, connectWith(token))) === 0
      await until(isBack, { msMax: 60_000, what: 'a sign-in' })
    }
  },
}

const levels: Row = {
  attack: `topics of ${topicLevelsMax + 1}, 50 and 100 levels: taken`,
  bound: '0',
  measure: async (target) => {
    let taken = 0
    for (const count of [topicLevelsMax + 1, 50, 100]) {
      const raw = await signIn(target, { clientId: `deep ${count}` })
      publish(raw, 1, `v1/devices/me${'/x'.repeat(count - 3)}`)
      if (await answered(raw, 'puback')) taken += 1
      raw.end()
    }
    return atMost(taken, 0, '')
  },
}

const asBytes = (name: string): Buffer => Buffer.from(name, 'latin1')
/** A lone surrogate, an overlong NUL, a sequence that is cut short (RFC 3629, section 3), and NUL itself [MQTT-1.5.3-1, -2]. */
const badNames = ['\xed\xa0\x80', '\xc0\x80', '\xe2\x82', 'a\0b'].map(asBytes)

/** In the place of a name of as many bytes. */
const withName = (bytes: Buffer, name: Buffer): Buffer => {
  const at = bytes.indexOf('?'.repeat(name.length))
  name.copy(bytes, at)
  return bytes
}

const names: Row = {
  attack: 'names that are no UTF-8, or hold NUL: client ids and topics of 8 taken',
  bound: '0',
  measure: async (target) => {
    let taken = 0
    for (const name of badNames) {
      const { token } = await target.device()
      const blank = '?'.repeat(name.length)
      const caller = rawMqtt(target.port)
      caller.write(withName(mqttPacket.generate(connectWith(token, { clientId: blank })), name))
      if (await answered(caller, 'connack')) taken += 1
      caller.end()
      const raw = await signIn(target, { clientId: 'odd' })
      const packet = publishOf(`v1/devices/me/${blank}`, 1)
      raw.write(withName(mqttPacket.generate(packet), name))
      if (await answered(raw, 'puback')) taken += 1
      raw.end()
    }
    return atMost(taken, 0, '')
  },
}

const willAfterKick: Row = {
  attack: 'a session that was kicked by the newer one of its device: its will, heard',
  bound: '0',
  measure: async (target) => {
    const own = await target.device()
    const topic = 'v1/devices/me/will'
    const given = {
      clientId: 'kicked',
      will: { topic, payload: Buffer.from('{}'), qos: 1 as const, retain: false },
    }
    const ear = rawMqtt(target.port)
    ear.send(connectWith(own.token, { clientId: 'ear of wills' }))
    await ear.take('connack')
    const first = await signIn(target, given)
    ear.send({ cmd: 'subscribe', messageId: 1, subscriptions: [{ topic, qos: 0 }] })
    await ear.take('suback')
    const second = await signIn(target, given)
    const heard = await countWithin(() => ear.packets.filter(({ cmd }) => cmd === 'publish').length)
    for (const raw of [ear, first, second]) raw.end()
    return atMost(heard, 0, '')
  },
}

/** For any broker, like those of `broker-rows.ts`: the rest of what a socket may do to a broker that trusts it. */
export const edgeRows: readonly Row[] = [
  // What a process was given before it may keep: this one is measured first.
  highWater,
  systemTopics,
  silentOfOneAddress,
  connectStorm,
  pingBehindWrites,
  levels,
  names,
  willAfterKick,
]

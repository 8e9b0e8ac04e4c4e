import { mqttInflightQos2Max, mqttPacketBytesMax } from '../../protocol/limits.ts'
import { connackOf, connectWith, rawMqtt } from '../support/raw-mqtt.ts'
import { until } from '../support/until.ts'
import { signIn } from './broker-rows.ts'
import { atMost, type Row } from './row.ts'

const heartbeat = 'v1/devices/me/heartbeat'

const clientIdTakeover: Row = {
  attack: "another credential under a device's client id, 20 times: devices disturbed",
  bound: '0',
  measure: async (target) => {
    const victim = await signIn(target, { clientId: 'victim' })
    const other = await target.device()
    for (let i = 0; i < 20; i += 1) {
      const token = i % 2 ? other.token : 'dtok_x'
      await connackOf(target.port, connectWith(token, { clientId: 'victim' }))
    }
    const isAlive = async (): Promise<boolean> => {
      victim.send({ cmd: 'pingreq' })
      await until(() => victim.isClosed() || victim.packets.some(({ cmd }) => cmd === 'pingresp'), {
        what: 'an answer',
      })
      return !victim.isClosed()
    }
    const disturbed = (await isAlive()) ? 0 : 1
    victim.end()
    return atMost(disturbed, 0, '')
  },
}

const wills: Row = {
  attack: 'wills on foreign, system and wildcard topics, or retained: accepted of 5',
  bound: '0',
  measure: async ({ port, device }) => {
    const { token } = await device()
    const topics = [
      'v1/devices/dev_0000000000000000000000/will',
      '$SYS/x',
      heartbeat,
      'v1/devices/+/will',
    ]
    let accepted = 0
    for (const [i, topic] of [...topics, 'v1/devices/me/will'].entries()) {
      const will = {
        topic,
        payload: Buffer.from('{}'),
        qos: 1 as const,
        retain: i === topics.length,
      }
      if ((await connackOf(port, connectWith(token, { will }))) === 0) accepted += 1
    }
    return atMost(accepted, 0, '')
  },
}

const emptyClientId: Row = {
  attack: 'an empty client id with clean=0, for a session that nobody could come back to: accepted',
  bound: '0',
  measure: async ({ port, device }) => {
    const packet = connectWith((await device()).token, { clientId: '', clean: false })
    return atMost((await connackOf(port, packet)) === 0 ? 1 : 0, 0, '')
  },
}

const withheldPubrels: Row = {
  attack: '100 messages of QoS 2 whose PUBREL never comes: taken',
  bound: `${mqttInflightQos2Max}`,
  measure: async (target) => {
    const raw = await signIn(target, { clientId: 'withholds' })
    const count = 100
    for (let messageId = 1; messageId <= count; messageId += 1)
      raw.send({
        cmd: 'publish',
        topic: heartbeat,
        messageId,
        qos: 2,
        dup: false,
        retain: false,
        payload: '{}',
      })
    const taken = () => raw.packets.filter(({ cmd }) => cmd === 'pubrec').length
    await until(() => raw.isClosed() || taken() === count, { what: 'all of them, or the end' })
    raw.end()
    return atMost(taken(), mqttInflightQos2Max, '')
  },
}

const largePackets: Row = {
  attack: 'a signed-in device that sends packets of 1 MiB: taken of 3',
  bound: '0',
  measure: async (target) => {
    let taken = 0
    for (let i = 0; i < 3; i += 1) {
      const raw = rawMqtt(target.port)
      raw.send(connectWith((await target.device()).token, { clientId: `large ${i}` }))
      await raw.take('connack')
      raw.send({
        cmd: 'publish',
        topic: heartbeat,
        messageId: 1,
        qos: 1,
        dup: false,
        retain: false,
        payload: Buffer.alloc(8 * mqttPacketBytesMax, 32),
      })
      const isTaken = () => raw.packets.some(({ cmd }) => cmd === 'puback')
      await until(() => raw.isClosed() || isTaken(), { what: 'an answer' })
      if (isTaken()) taken += 1
      raw.end()
    }
    return atMost(taken, 0, '')
  },
}

/** For any broker, like those of `broker-rows.ts`: what one session does to others, and how much it may hold. */
export const sessionRows: readonly Row[] = [
  clientIdTakeover,
  wills,
  emptyClientId,
  withheldPubrels,
  largePackets,
]

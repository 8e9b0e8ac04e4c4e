import mqttPacket, { type Packet } from 'mqtt-packet'
import { connectWith } from '../../support/raw-mqtt.ts'

/** Numbers in [0, 1) that a seed decides (mulberry32). */
export const seeded = (seed: number): (() => number) => {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}

const names = [
  '__proto__',
  'constructor',
  '$SYS/x',
  '#',
  '+',
  'a/'.repeat(60),
  '\uffff',
  'v1/devices/me/down/#',
]

type Chance = {
  readonly below: (count: number) => number
  readonly oneOf: <T>(all: readonly T[]) => T
}

const chanceOf = (random: () => number): Chance => {
  const below = (count: number) => Math.floor(random() * count)
  return {
    below,
    oneOf: <T>(all: readonly T[]): T => {
      const found = all[below(all.length)]
      if (found === undefined) throw new Error('nothing to choose from')
      return found
    },
  }
}

const publish = ({ below, oneOf }: Chance): Packet => ({
  cmd: 'publish',
  topic: oneOf([
    'v1/devices/me/heartbeat',
    'v1/devices/me/heartbeat/cbor',
    'v1/devices/me/boot',
    'v1/x',
  ]),
  messageId: 1 + below(65_535),
  qos: oneOf([0, 1, 2] as const),
  dup: false,
  retain: below(20) === 0,
  payload: oneOf([
    '{}',
    '{"boot":1,"seq":2}',
    '{"a":',
    Buffer.from([0xa1, 0x61, 0x62]),
    'x'.repeat(below(2_000)),
  ]),
})

const behindConnect = (chance: Chance): Packet => {
  const { below, oneOf } = chance
  const messageId = 1 + below(65_535)
  const topic = oneOf(names)
  switch (below(8)) {
    case 0:
      return {
        cmd: 'subscribe',
        messageId,
        subscriptions: [{ topic, qos: oneOf([0, 1, 2] as const) }],
      }
    case 1:
      return { cmd: 'unsubscribe', messageId, unsubscriptions: [topic] }
    case 2:
      return { cmd: 'pingreq' }
    case 3:
      return { cmd: oneOf(['puback', 'pubrec', 'pubrel', 'pubcomp'] as const), messageId }
    case 4:
      return { cmd: oneOf(['disconnect', 'pingresp'] as const) } as Packet
    default:
      return publish(chance)
  }
}

const flip = (bytes: Buffer, { below }: Chance): Buffer => {
  const at = below(bytes.length)
  bytes[at] = (bytes[at] ?? 0) ^ (1 << below(8))
  return bytes
}
const mutations: readonly ((bytes: Buffer, chance: Chance) => Buffer)[] = [
  (bytes) => bytes,
  (bytes) => bytes,
  flip,
  (bytes, chance) => flip(flip(bytes, chance), chance),
  (bytes, { below }) => bytes.subarray(0, below(bytes.length)),
  (bytes, { below }) => {
    const at = below(bytes.length)
    return Buffer.concat([
      bytes.subarray(0, at),
      Buffer.alloc(1 + below(8), below(256)),
      bytes.subarray(at),
    ])
  },
  // The remaining length, which decides what is a packet at all.
  (bytes, { below }) => {
    bytes[1] = below(256)
    return bytes
  },
]

/** What one hostile connection says: a CONNECT that may be good, and up to five packets, some of them mutated. */
export const hostileBytes = (random: () => number, token: string): Buffer => {
  const chance = chanceOf(random)
  const { below, oneOf } = chance
  const clientId = oneOf(names)
  const connect: Packet = connectWith(below(4) === 0 ? 'dtok_x' : token, { clientId })
  const packets = [connect, ...Array.from({ length: below(6) }, () => behindConnect(chance))]
  return Buffer.concat(
    packets.map((packet, i) => {
      const bytes = Buffer.from(mqttPacket.generate(packet))
      return below(i === 0 ? 4 : 2) === 0 ? oneOf(mutations)(bytes, chance) : bytes
    }),
  )
}

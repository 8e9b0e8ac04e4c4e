import { connect, type Socket } from 'node:net'
import { setTimeout as delay } from 'node:timers/promises'
import mqttPacket from 'mqtt-packet'
import { median } from '../../bench/support/statistics.ts'
import { mqttConnectMsMax, mqttFiltersMax } from '../../protocol/limits.ts'
import { connackOf, connectWith, type RawMqtt, rawMqtt } from '../support/raw-mqtt.ts'
import { until } from '../support/until.ts'
import { cpuSeconds, growthMib } from './process-cost.ts'
import { atMost, type Row, type Target } from './row.ts'
import { startSideProgram } from './side-program.ts'

export const signIn = async ({ port, device }: Target, given: object = {}): Promise<RawMqtt> => {
  const raw = rawMqtt(port)
  raw.send(connectWith((await device()).token, given))
  await raw.take('connack')
  return raw
}

/** As soon as there is any, and none only after a second: what must not come has had the time to. */
export const countWithin = async (count: () => number): Promise<number> => {
  await until(() => count() > 0, { msMax: 1_000, what: 'any' }).catch(() => {})
  return count()
}

/** Sockets that are still open of so many, once those that close had the time. */
const openOf = async (
  { port }: Pick<Target, 'port'>,
  { count, msMax, begin }: { count: number; msMax: number; begin: (socket: Socket) => void },
): Promise<number> => {
  let open = count
  const sockets = Array.from({ length: count }, () => {
    const socket = connect({ port, host: '127.0.0.1' })
    socket.on('connect', () => begin(socket))
    socket.on('error', () => {})
    // What it is told before the end is read, or the end would not be seen.
    socket.resume()
    socket.on('close', () => {
      open -= 1
    })
    return socket
  })
  await until(() => open === 0, { msMax, what: 'the end of all' }).catch(() => {})
  for (const socket of sockets) socket.destroy()
  return open
}

/** Releases of nothing (MQTT 3.1.1, section 3.6), each with an answer as long as itself: more than a kernel keeps for who does not read. */
const releases = Buffer.concat(Array.from({ length: 20_000 }, () => Buffer.from([0x62, 2, 0, 1])))
const releasesRounds = 75

const foreignMessages: Row = {
  attack:
    'a mixed SUBSCRIBE, and a session that comes back for what it missed: messages of others heard',
  bound: '0',
  measure: async (target) => {
    const given = { clean: false, clientId: 'ear' }
    const ear = await target.device()
    const join = async () => {
      const raw = rawMqtt(target.port)
      raw.send(connectWith(ear.token, given))
      await raw.take('connack')
      return raw
    }
    const first = await join()
    const filters = [`v1/devices/${ear.id}/down/#`, 'v1/devices/+/heartbeat', '#', '+/+/+/down/#']
    first.send({
      cmd: 'subscribe',
      messageId: 1,
      subscriptions: filters.map((topic) => ({ topic, qos: 1 as const })),
    })
    await first.take('suback')
    first.send({ cmd: 'disconnect' })
    await first.closed()
    const mouth = await signIn(target, { clientId: 'mouth' })
    for (const [i, payload] of ['{}', 'garbage'].entries()) {
      const topic = 'v1/devices/me/heartbeat'
      mouth.send({
        cmd: 'publish',
        topic,
        messageId: i + 1,
        qos: 1,
        dup: false,
        retain: false,
        payload,
      })
      await mouth.take('puback')
    }
    const again = await join()
    const foreign = await countWithin(
      () =>
        again.packets.filter(
          (one) => one.cmd === 'publish' && !one.topic.startsWith(`v1/devices/${ear.id}/down/`),
        ).length,
    )
    again.end()
    mouth.end()
    return atMost(foreign, 0, '')
  },
}

const oversize: Row = {
  attack: '100 sockets that declare 200 MB before they sign in, and send 1 MiB of it: memory',
  bound: '20 MiB',
  measure: async (target) => {
    const head = Buffer.from([0x30, 0x80, 0x84, 0xaf, 0x5f])
    const body = Buffer.alloc(1_048_576)
    const mib = await growthMib(target.pid, () =>
      openOf(target, {
        count: 100,
        msMax: 3_000,
        begin: (socket) => {
          socket.write(head)
          socket.write(body)
        },
      }),
    )
    return atMost(mib, 20, 'MiB')
  },
}

const patienceMs = mqttConnectMsMax + 2_000

const silent: Row = {
  attack: '500 silent sockets: open after 7 s',
  bound: '0',
  measure: async (target) =>
    atMost(await openOf(target, { count: 500, msMax: patienceMs, begin: () => {} }), 0, ''),
}

const trickling: Row = {
  attack: '100 sockets that say a byte of their CONNECT a second: open after 7 s',
  bound: '0',
  measure: async (target) => {
    const bytes = mqttPacket.generate(connectWith('x'.repeat(100)))
    const begin = (socket: Socket) => {
      let at = 0
      const timer = setInterval(() => socket.write(bytes.subarray(at, ++at)), 1_000)
      socket.once('close', () => clearInterval(timer))
    }
    return atMost(await openOf(target, { count: 100, msMax: patienceMs, begin }), 0, '')
  },
}

const garbage = mqttPacket.generate(connectWith('dtok_garbage'))

/** CPU that a process spends by itself, in seconds a second. */
const idleRate = async ({ pid }: Pick<Target, 'pid'>): Promise<number> => {
  const [before, from] = [cpuSeconds(pid), performance.now()]
  await delay(4_000)
  return ((cpuSeconds(pid) - before) / (performance.now() - from)) * 1_000
}

/** CPU of so many CONNECTs of garbage, in seconds, without what is spent whether they come or not. */
const floodCost = async (
  target: Pick<Target, 'port' | 'pid'>,
  count: number,
  idle = 0,
): Promise<number> => {
  const [before, from] = [cpuSeconds(target.pid), performance.now()]
  const begin = (socket: Socket) => socket.write(garbage)
  for (let done = 0; done < count; done += 200)
    await openOf(target, { count: 200, msMax: 5_000, begin })
  const seconds = (performance.now() - from) / 1_000
  return cpuSeconds(target.pid) - before - idle * seconds
}

const flood: Row = {
  attack:
    '12,000 CONNECTs of garbage: CPU of each, past that of a socket accepted, answered and closed',
  bound: '50 us',
  measure: async (target) => {
    const [rounds, count] = [20, 600]
    const bare = await startSideProgram('bare-server.ts')
    try {
      // Until both are compiled.
      for (const one of [bare, target]) await floodCost(one, rounds * count)
      const idle = await idleRate(target)
      // Of pairs that follow each other at once: a busy moment of the machine makes some of them dearer, and not the median.
      const past: number[] = []
      for (let i = 0; i < rounds; i += 1)
        past.push((await floodCost(target, count, idle)) - (await floodCost(bare, count)))
      return atMost((Math.max(0, median(past)) / count) * 1e6, 50, 'us')
    } finally {
      bare.end()
    }
  },
}

const subscriptionBomb: Row = {
  attack: '40,000 wildcard filters of one device: granted',
  bound: '0',
  measure: async (target) => {
    const raw = await signIn(target, { clientId: 'bomb' })
    const packets = 5_000
    for (let id = 1; id <= packets; id += 1)
      raw.send({
        cmd: 'subscribe',
        messageId: id,
        subscriptions: Array.from({ length: mqttFiltersMax }, (_, i) => ({
          topic: `v1/devices/+/${id}/${i}/#`,
          qos: 1 as const,
        })),
      })
    const subacks = () => raw.packets.filter(({ cmd }) => cmd === 'suback')
    await until(() => subacks().length === packets, { msMax: 30_000, what: 'every SUBACK' })
    raw.end()
    const granted = subacks().flatMap((one) => (one.cmd === 'suback' ? one.granted : []))
    return atMost(granted.filter((code) => Number(code) < 0x80).length, 0, '')
  },
}

const retained: Row = {
  attack: 'retained messages taken of 20',
  bound: '0',
  measure: async (target) => {
    let taken = 0
    for (let i = 0; i < 20; i += 1) {
      const raw = await signIn(target, { clientId: 'keeper' })
      const topic = 'v1/devices/me/heartbeat'
      raw.send({
        cmd: 'publish',
        topic,
        messageId: 1,
        qos: 1,
        dup: false,
        retain: true,
        payload: '{}',
      })
      await until(() => raw.isClosed() || raw.packets.length > 1, { what: 'an answer' })
      if (raw.packets.some(({ cmd }) => cmd === 'puback')) taken += 1
      raw.end()
    }
    return atMost(taken, 0, '')
  },
}

const keepAlive: Row = {
  attack: 'keep-alives of 0, 29, 1,201 and 65,535 s accepted',
  bound: '0',
  measure: async (target) => {
    const { token } = await target.device()
    let accepted = 0
    for (const keepalive of [0, 29, 1_201, 65_535])
      if ((await connackOf(target.port, connectWith(token, { keepalive }))) === 0) accepted += 1
    return atMost(accepted, 0, '')
  },
}

/** A device that says 1,500,000 PUBRELs, and hears the answers or not; its end. */
const release = async ({ port, device }: Target, hears: boolean): Promise<void> => {
  const { token } = await device()
  const socket = connect({ port, host: '127.0.0.1' })
  socket.on('error', () => {})
  socket.write(mqttPacket.generate(connectWith(token, { clientId: 'asks' })))
  if (hears) socket.resume()
  else socket.pause()
  await delay(500)
  for (let i = 0; i < releasesRounds; i += 1) socket.write(releases)
  await delay(2_000)
  socket.destroy()
}

const slowReaderMemory: Row = {
  attack:
    'a device that says 1,500,000 PUBRELs and reads no answer: memory, past that of one who reads',
  bound: '32 MiB',
  measure: async (target) => {
    // A young heap grows by whatever work it is given first, which is no cost of deafness.
    for (let i = 0; i < 2; i += 1) await release(target, true)
    return atMost(await growthMib(target.pid, () => release(target, false)), 32, 'MiB')
  },
}

/** For any broker: these are seen to succeed against a stock one. */
export const brokerRows: readonly Row[] = [
  foreignMessages,
  oversize,
  silent,
  trickling,
  subscriptionBomb,
  retained,
  keepAlive,
]
/** For Lapel alone: what a stock broker does here depends on the machine. */
export const costRows: readonly Row[] = [flood, slowReaderMemory]

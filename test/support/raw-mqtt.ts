import { connect } from 'node:net'
import mqttPacket, { type IConnectPacket, type Packet } from 'mqtt-packet'
import { until } from './until.ts'

export type RawMqtt = {
  readonly packets: readonly Packet[]
  readonly isClosed: () => boolean
  readonly send: (packet: Packet) => void
  readonly write: (bytes: Uint8Array) => void
  /** The first packet of that kind that was not taken yet. */
  readonly take: <Command extends Packet['cmd']>(
    command: Command,
  ) => Promise<Packet & { cmd: Command }>
  readonly closed: () => Promise<void>
  readonly end: () => void
}

/** MQTT 3.1.1 by the packet, for what no well-behaved client would send. */
export const rawMqtt = (port: number): RawMqtt => {
  const socket = connect({ port, host: '127.0.0.1', noDelay: true })
  const parser = mqttPacket.parser()
  const packets: Packet[] = []
  let taken: Packet[] = []
  let isClosed = false
  parser.on('packet', (packet: Packet) => {
    packets.push(packet)
    taken = [...taken, packet]
  })
  socket.on('data', (bytes) => parser.parse(bytes))
  socket.on('error', () => {})
  socket.on('close', () => {
    isClosed = true
  })
  const take = async <Command extends Packet['cmd']>(command: Command) => {
    const found = await until(() => taken.find(({ cmd }) => cmd === command), { what: command })
    taken = taken.filter((packet) => packet !== found)
    return found as Packet & { cmd: Command }
  }
  return {
    packets,
    isClosed: () => isClosed,
    send: (packet) => void socket.write(mqttPacket.generate(packet)),
    write: (bytes) => void socket.write(bytes),
    take,
    closed: async () => {
      await until(() => isClosed, { what: 'the end of the connection' })
    },
    end: () => void socket.destroy(),
  }
}

export const connectWith = (
  password: string,
  given: Partial<IConnectPacket> = {},
): IConnectPacket => ({
  cmd: 'connect',
  protocolId: 'MQTT',
  protocolVersion: 4,
  clean: true,
  clientId: 'raw',
  keepalive: 60,
  username: 'device',
  password: Buffer.from(password),
  ...given,
})

/** The code with which a connection was answered. */
export const connackOf = async (
  port: number,
  packet: IConnectPacket,
): Promise<number | undefined> => {
  const raw = rawMqtt(port)
  // The generator refuses what a hostile client would send: an empty client id with clean=0.
  const bytes = mqttPacket.generate({ ...packet, clean: true })
  if (packet.clean === false) bytes[9] = (bytes[9] ?? 0) & ~2
  raw.write(bytes)
  const { returnCode } = await raw.take('connack')
  raw.end()
  return returnCode
}

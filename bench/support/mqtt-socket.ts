import { connect, type Socket } from 'node:net'

/** MQTT 3.1.1 by hand over a raw socket: just what a load generator needs, at a few microseconds a message. */

const text = (value: string): Buffer => {
  const bytes = Buffer.from(value)
  return Buffer.concat([Buffer.of(bytes.length >> 8, bytes.length & 255), bytes])
}

const packet = (first: number, body: Buffer): Buffer => {
  const length: number[] = []
  for (let rest = body.length; length.length === 0 || rest > 0; rest >>= 7)
    length.push(rest > 127 ? (rest & 127) | 128 : rest)
  return Buffer.concat([Buffer.of(first, ...length), body])
}

export const connectPacket = (clientId: string, password: string, keepAliveSeconds = 120): Buffer =>
  packet(
    0x10,
    Buffer.concat([
      text('MQTT'),
      Buffer.of(4, 0b1100_0010, keepAliveSeconds >> 8, keepAliveSeconds & 255),
      text(clientId),
      text('device'),
      text(password),
    ]),
  )

/** A QoS 1 PUBLISH. */
export const publishPacket = (topic: Buffer, id: number, payload: Buffer): Buffer =>
  packet(0x32, Buffer.concat([topic, Buffer.of(id >> 8, id & 255), payload]))

export const topicBytes = text

/** The bytes of one whole packet at `offset`, or 0 when it is not complete yet. */
const packetLength = (bytes: Buffer, offset: number): number => {
  let length = 0
  for (let i = 1; i <= 4; i += 1) {
    const byte = bytes[offset + i]
    if (byte === undefined) return 0
    length += (byte & 127) * 128 ** (i - 1)
    if (byte < 128) return offset + i + 1 + length <= bytes.length ? i + 1 + length : 0
  }
  throw new Error('malformed remaining length')
}

export type MqttSocket = {
  readonly socket: Socket
  readonly publish: (topic: Buffer, id: number, payload: Buffer) => void
}

export type MqttEvents = {
  /** Of one chunk of the socket. */
  readonly onAcks: (ids: readonly number[]) => void
  readonly onClose: () => void
}

/** Resolves when the broker accepted the connection. */
export const openMqtt = (
  port: number,
  login: { clientId: string; password: string; keepAliveSeconds?: number },
  { onAcks, onClose }: MqttEvents,
): Promise<MqttSocket> =>
  new Promise((resolve, reject) => {
    const socket = connect({ port, host: '127.0.0.1', noDelay: true })
    let rest: Buffer = Buffer.alloc(0)
    const meet = (bytes: Buffer, offset: number, acks: number[]) => {
      const kind = (bytes[offset] ?? 0) >> 4
      if (kind === 4) acks.push(bytes.readUInt16BE(offset + 2))
      else if (kind === 2 && bytes[offset + 3] === 0)
        resolve({
          socket,
          publish: (topic, id, payload) => socket.write(publishPacket(topic, id, payload)),
        })
      else if (kind === 2) reject(new Error(`CONNACK ${bytes[offset + 3]}`))
    }
    const meetAll = (bytes: Buffer): Buffer => {
      const acks: number[] = []
      let offset = 0
      for (let length = packetLength(bytes, 0); length > 0; length = packetLength(bytes, offset)) {
        meet(bytes, offset, acks)
        offset += length
        if (offset >= bytes.length) break
      }
      if (acks.length > 0) onAcks(acks)
      return bytes.subarray(offset)
    }
    socket.on('connect', () => {
      const { clientId, password, keepAliveSeconds } = login
      socket.write(connectPacket(clientId, password, keepAliveSeconds))
    })
    socket.on('data', (chunk) => {
      rest = meetAll(rest.length > 0 ? Buffer.concat([rest, chunk]) : chunk)
    })
    socket.on('error', reject)
    socket.on('close', () => {
      reject(new Error('closed before CONNACK'))
      onClose()
    })
  })

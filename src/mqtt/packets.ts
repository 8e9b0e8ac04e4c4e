/** Packets that the broker itself writes (MQTT 3.1.1, section 3). */

const remainingLength = (length: number): number[] => {
  const digits: number[] = []
  for (let rest = length; digits.length === 0 || rest > 0; rest >>= 7)
    digits.push(rest > 0x7f ? (rest & 0x7f) | 0x80 : rest)
  return digits
}

/** By their code; sent as they stand, and never changed. */
const connacks = [0, 1, 2, 3, 4, 5].map((code) => Buffer.from([0x20, 2, 0, code]))

/** CONNACK of a clean session (section 3.2). */
export const connackBytes = (code: number): Buffer =>
  connacks[code] ?? Buffer.from([0x20, 2, 0, code])

/** A PUBLISH of QoS 0 without an id, of QoS 1 with one; neither retained nor a repeat. */
export const publishBytes = (topic: string, payload: Buffer, id: number | undefined): Buffer => {
  const topicLength = Buffer.byteLength(topic)
  const idLength = id === undefined ? 0 : 2
  const head = remainingLength(2 + topicLength + idLength + payload.length)
  const topicAt = 1 + head.length + 2
  const payloadAt = topicAt + topicLength + idLength
  const bytes = Buffer.allocUnsafe(payloadAt + payload.length)
  bytes[0] = id === undefined ? 0x30 : 0x32
  bytes.set(head, 1)
  bytes.writeUInt16BE(topicLength, topicAt - 2)
  bytes.write(topic, topicAt)
  if (id !== undefined) bytes.writeUInt16BE(id, payloadAt - 2)
  payload.copy(bytes, payloadAt)
  return bytes
}

/** SUBACK with a code for each filter, in their order [MQTT-3.8.4-5]. */
export const subackBytes = (id: number, codes: readonly number[]): Buffer =>
  Buffer.from([0x90, ...remainingLength(2 + codes.length), id >> 8, id & 0xff, ...codes])

/** UNSUBACK (section 3.11). */
export const unsubackBytes = (id: number): Buffer => Buffer.from([0xb0, 2, id >> 8, id & 0xff])

import { isUtf8 } from 'node:buffer'

/** What a CONNECT says (MQTT 3.1.1, section 3.1), without what nobody here asks for. */
export type ConnectPacket = {
  readonly keepAliveSeconds: number
  readonly isClean: boolean
  readonly clientId: string
  readonly will: { readonly topic: string; readonly isRetained: boolean } | undefined
  readonly password: string
}

/** `other-version`: for CONNACK 1. `malformed`: the connection is closed. */
export type ParsedConnect =
  | ({ readonly kind: 'connect' } & ConnectPacket)
  | { readonly kind: 'other-version' }
  | { readonly kind: 'malformed' }

const malformed: ParsedConnect = { kind: 'malformed' }
const flag = {
  reserved: 0x01,
  clean: 0x02,
  will: 0x04,
  willQos: 0x18,
  willRetain: 0x20,
  password: 0x40,
  userName: 0x80,
} as const

const isAscii = (bytes: Buffer, from: number, to: number): boolean => {
  for (let at = from; at < to; at += 1) {
    const byte = bytes[at] ?? 0
    if (byte === 0 || byte > 0x7f) return false
  }
  return true
}

/**
 * Reads fields one after the other; past the end, or at a text that is none, it has failed for good. Makes no view of a field where it can
 * do without: of all that a CONNECT of garbage costs, they would be half.
 */
class Fields {
  readonly #bytes: Buffer
  #at = 0
  failed = false

  constructor(bytes: Buffer) {
    this.#bytes = bytes
  }

  get isAtEnd(): boolean {
    return this.#at === this.#bytes.length
  }

  /** Where a field of that length begins. */
  #pass(length: number): number {
    const from = this.#at
    if (from + length > this.#bytes.length) this.failed = true
    else this.#at += length
    return from
  }

  byte(): number {
    const from = this.#pass(1)
    return this.failed ? 0 : (this.#bytes[from] ?? 0)
  }

  number(): number {
    const from = this.#pass(2)
    return this.failed ? 0 : this.#bytes.readUInt16BE(from)
  }

  /** Past bytes behind their length, which say nothing here. */
  skip(): void {
    this.#pass(this.number())
  }

  /** Bytes behind their length, whatever they are. */
  loose(): string {
    const from = this.#pass(this.number())
    return this.failed ? '' : this.#bytes.toString('utf8', from, this.#at)
  }

  /** Well-formed UTF-8 without U+0000 [MQTT-1.5.3-1, MQTT-1.5.3-2]. */
  text(): string {
    const from = this.#pass(this.number())
    if (this.failed) return ''
    if (isAscii(this.#bytes, from, this.#at)) return this.#bytes.toString('latin1', from, this.#at)
    const bytes = this.#bytes.subarray(from, this.#at)
    if (!isUtf8(bytes) || bytes.includes(0)) this.failed = true
    return bytes.toString('utf8')
  }
}

// [MQTT-3.1.2-3, -11, -13, -14, -15, -22]
const areFlagsWrong = (flags: number): boolean => {
  const hasWill = (flags & flag.will) !== 0
  const willQos = flags & flag.willQos
  if ((flags & flag.reserved) !== 0 || willQos === flag.willQos) return true
  if (!hasWill && (willQos | (flags & flag.willRetain)) !== 0) return true
  return (flags & flag.userName) === 0 && (flags & flag.password) !== 0
}

const willIn = (fields: Fields, flags: number): ConnectPacket['will'] => {
  if ((flags & flag.will) === 0) return undefined
  const topic = fields.text()
  fields.skip()
  return { topic, isRetained: (flags & flag.willRetain) !== 0 }
}

const passwordIn = (fields: Fields, flags: number): string => {
  if ((flags & flag.userName) !== 0) fields.text()
  return (flags & flag.password) === 0 ? '' : fields.loose()
}

/** The body of a CONNECT. A name of the protocol that is none of MQTT's is malformed. */
export const parseConnect = (body: Buffer): ParsedConnect => {
  const fields = new Fields(body)
  const name = fields.text()
  const level = fields.byte()
  if (fields.failed || (name !== 'MQTT' && name !== 'MQIsdp')) return malformed
  // What follows is another matter in other versions.
  if (name !== 'MQTT' || level !== 4) return { kind: 'other-version' }
  const flags = fields.byte()
  const keepAliveSeconds = fields.number()
  const clientId = fields.text()
  const will = willIn(fields, flags)
  const password = passwordIn(fields, flags)
  if (fields.failed || !fields.isAtEnd || areFlagsWrong(flags)) return malformed
  const isClean = (flags & flag.clean) !== 0
  return { kind: 'connect', keepAliveSeconds, isClean, clientId, will, password }
}

import { parseInstant } from '../../protocol/instant.ts'
import {
  deviceStateCharsMax,
  firmwareVersionCharsMax,
  plainHeartbeatBytesMax,
  plainIntegerDigitsMax,
} from '../../protocol/limits.ts'

/** A heartbeat whose members may be stored as they were sent. */
export type PlainHeartbeat = {
  readonly boot: number | undefined
  readonly seq: number | undefined
  /** JSON text, empty when it was not sent. */
  readonly at: string
  /** The other members as JSON text, without braces. */
  readonly data: string
}

type Value = string | number
type Member = { readonly bit: number; readonly takes: (value: Value) => boolean }

const within = (min: number, max: number) => (value: Value) =>
  typeof value === 'number' && value >= min && value <= max
const natural = within(0, Number.MAX_SAFE_INTEGER)
const text = (charsMax: number) => (value: Value) =>
  typeof value === 'string' && value.length <= charsMax

// A time with a day that every month has: nothing else has to be looked up.
const usualInstant =
  /^\d{4}-(0[1-9]|1[0-2])-(0[1-9]|1\d|2[0-8])T([01]\d|2[0-3]):[0-5]\d:[0-5]\d\.\d{3}Z$/
const time = (value: Value) =>
  natural(value) ||
  (typeof value === 'string' && (usualInstant.test(value) || parseInstant(value) !== undefined))

// The members of nearly every heartbeat, each with the plainest form that its schema takes.
const members: ReadonlyMap<string, Member> = new Map(
  Object.entries({
    boot: natural,
    seq: natural,
    at: time,
    battery_percent: within(0, 100),
    storage_used_mb: natural,
    storage_total_mb: natural,
    signal_strength_dbm: within(-200, 100),
    firmware_version: text(firmwareVersionCharsMax),
    device_state: text(deviceStateCharsMax),
    pending_recordings: natural,
    flags: within(0, 255),
  }).map(([name, takes], i) => [name, { bit: 1 << i, takes }]),
)

const space = 0x20
const quote = 0x22
const comma = 0x2c
const minus = 0x2d
const zero = 0x30
const nine = 0x39
const colon = 0x3a
const backslash = 0x5c
const openBrace = 0x7b
const closeBrace = 0x7d
const tilde = 0x7e

class Scan {
  readonly #text: string
  #at = 0
  #met = 0
  boot: number | undefined
  seq: number | undefined
  at = ''
  data = ''

  constructor(document: string) {
    this.#text = document
  }

  run(): boolean {
    if (!this.#take(openBrace)) return false
    if (!this.#take(closeBrace)) {
      do if (!this.#member()) return false
      while (this.#take(comma))
      if (!this.#take(closeBrace)) return false
    }
    this.#skip()
    return this.#at === this.#text.length
  }

  #skip(): void {
    while (this.#text.charCodeAt(this.#at) === space) this.#at += 1
  }

  #take(code: number): boolean {
    this.#skip()
    if (this.#text.charCodeAt(this.#at) !== code) return false
    this.#at += 1
    return true
  }

  #member(): boolean {
    if (!this.#take(quote)) return false
    const start = this.#at
    const name = this.#string()
    const member = name === undefined ? undefined : members.get(name)
    if (name === undefined || !member || (this.#met & member.bit) !== 0) return false
    this.#met |= member.bit
    if (!this.#take(colon)) return false
    this.#skip()
    const from = this.#at
    const value = this.#value()
    if (value === undefined || !member.takes(value)) return false
    this.#keep(name, value, { start, from })
    return true
  }

  #keep(name: string, value: Value, { start, from }: { start: number; from: number }): void {
    if (name === 'boot') this.boot = Number(value)
    else if (name === 'seq') this.seq = Number(value)
    else if (name === 'at') this.at = this.#text.slice(from, this.#at)
    else {
      const close = start + name.length + 1
      const written =
        from === close + 1
          ? this.#text.slice(start - 1, this.#at)
          : `"${name}":${this.#text.slice(from, this.#at)}`
      this.data = this.data === '' ? written : `${this.data},${written}`
    }
  }

  #value(): Value | undefined {
    if (this.#text.charCodeAt(this.#at) !== quote) return this.#number()
    this.#at += 1
    return this.#string()
  }

  /** Printable ASCII without an escape, up to its quote, which is taken too. */
  #string(): string | undefined {
    const start = this.#at
    for (let at = start; ; at += 1) {
      const code = this.#text.charCodeAt(at)
      if (code === quote) {
        this.#at = at + 1
        return this.#text.slice(start, at)
      }
      if (!(code >= space && code <= tilde) || code === backslash) return undefined
    }
  }

  /** An integer in the form in which it is written again. */
  #number(): number | undefined {
    const negative = this.#text.charCodeAt(this.#at) === minus
    if (negative) this.#at += 1
    const start = this.#at
    let value = 0
    for (let code = this.#text.charCodeAt(start); code >= zero && code <= nine; ) {
      value = value * 10 + code - zero
      this.#at += 1
      code = this.#text.charCodeAt(this.#at)
    }
    const digits = this.#at - start
    const padded = this.#text.charCodeAt(start) === zero && (digits > 1 || negative)
    if (digits === 0 || digits > plainIntegerDigitsMax || padded) return undefined
    return negative ? -value : value
  }
}

/**
 * The heartbeat as it stands, when it holds nothing but plain members, which schema and serialisation would return unchanged;
 * `undefined` when they have to say. One pass over the bytes, and nothing is made that is thrown away.
 */
export const plainHeartbeat = (payload: Buffer): PlainHeartbeat | undefined => {
  if (payload.length > plainHeartbeatBytesMax) return undefined
  const scan = new Scan(payload.toString('latin1'))
  return scan.run() ? scan : undefined
}

import { plainIntegerDigitsMax } from '../../protocol/limits.ts'
import { type PlainMember, takesInteger, takesText } from './plain-members.ts'

const space = 0x20
const quote = 0x22
const minus = 0x2d
const zero = 0x30
const nine = 0x39
const backslash = 0x5c
const tilde = 0x7e

/**
 * A cursor over the bytes of a document, for integers and texts in the form in which they are written again. It never makes a text of
 * them: that costs more than to look at each.
 */
export class PlainScanner {
  readonly bytes: Buffer
  at = 0
  /** The last one that was read. */
  integer = 0

  constructor(bytes: Buffer) {
    this.bytes = bytes
  }

  /** Past blanks and one character, if it is that one. */
  take(code: number): boolean {
    this.skip()
    if (this.bytes[this.at] !== code) return false
    this.at += 1
    return true
  }

  /** Past these bytes, if they are the next. */
  takeAll(expected: Uint8Array): boolean {
    const { bytes, at } = this
    for (let i = 0; i < expected.length; i += 1) if (bytes[at + i] !== expected[i]) return false
    this.at = at + expected.length
    return true
  }

  skip(): void {
    while (this.bytes[this.at] === space) this.at += 1
  }

  /** Past a value that the member takes. */
  value(member: PlainMember): boolean {
    if (this.bytes[this.at] !== quote) return this.#integer(member)
    this.at += 1
    const from = this.at
    return this.string() && takesText(member, this.bytes, from, this.at - 1)
  }

  /** Past printable ASCII without an escape, and its quote. */
  string(): boolean {
    const { bytes } = this
    for (let at = this.at; ; at += 1) {
      const code = bytes[at] ?? 0
      if (code === quote) {
        this.at = at + 1
        return true
      }
      if (code < space || code > tilde || code === backslash) return false
    }
  }

  #integer(member: PlainMember): boolean {
    const { bytes } = this
    const negative = bytes[this.at] === minus
    const start = negative ? this.at + 1 : this.at
    let at = start
    let value = 0
    for (let code = bytes[at] ?? 0; code >= zero && code <= nine; code = bytes[at] ?? 0) {
      value = value * 10 + code - zero
      at += 1
    }
    this.at = at
    const digits = at - start
    const padded = bytes[start] === zero && (digits > 1 || negative)
    if (digits === 0 || digits > plainIntegerDigitsMax || padded) return false
    this.integer = negative ? -value : value
    return takesInteger(member, this.integer)
  }
}

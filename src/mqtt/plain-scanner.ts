import { plainIntegerDigitsMax } from '../../protocol/limits.ts'
import { type PlainMember, takesInteger, takesText } from './plain-members.ts'

const space = 0x20
const quote = 0x22
const minus = 0x2d
const zero = 0x30
const nine = 0x39
const backslash = 0x5c
const tilde = 0x7e

/** A cursor over a document of bytes as characters, for integers and texts in the form in which they are written again. */
export class PlainScanner {
  readonly text: string
  at = 0
  /** The last one that was read. */
  integer = 0

  constructor(text: string) {
    this.text = text
  }

  /** Past blanks and one character, if it is that one. */
  take(code: number): boolean {
    this.skip()
    if (this.text.charCodeAt(this.at) !== code) return false
    this.at += 1
    return true
  }

  skip(): void {
    while (this.text.charCodeAt(this.at) === space) this.at += 1
  }

  /** Past a value that the member takes. */
  value(member: PlainMember): boolean {
    if (this.text.charCodeAt(this.at) !== quote) return this.#integer(member)
    this.at += 1
    const value = this.string()
    return value !== undefined && takesText(member, value)
  }

  /** Printable ASCII without an escape, up to its quote, which is taken too. */
  string(): string | undefined {
    const { text, at: start } = this
    for (let at = start; ; at += 1) {
      const code = text.charCodeAt(at)
      if (code === quote) {
        this.at = at + 1
        return text.slice(start, at)
      }
      if (!(code >= space && code <= tilde) || code === backslash) return undefined
    }
  }

  #integer(member: PlainMember): boolean {
    const { text } = this
    const negative = text.charCodeAt(this.at) === minus
    const start = negative ? this.at + 1 : this.at
    let at = start
    let value = 0
    for (let code = text.charCodeAt(at); code >= zero && code <= nine; code = text.charCodeAt(at)) {
      value = value * 10 + code - zero
      at += 1
    }
    this.at = at
    const digits = at - start
    const padded = text.charCodeAt(start) === zero && (digits > 1 || negative)
    if (digits === 0 || digits > plainIntegerDigitsMax || padded) return false
    this.integer = negative ? -value : value
    return takesInteger(member, this.integer)
  }
}

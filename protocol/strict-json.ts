import { jsonDepthMax } from './limits.ts'

export type StrictJson =
  | { readonly kind: 'parsed'; readonly value: unknown }
  /** `reason` says what is wrong and holds nothing of the document. */
  | { readonly kind: 'invalid'; readonly reason: string }

// A byte order mark stays in the text, where the grammar refuses it (RFC 8259, 8.1).
const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

const quote = 0x22
const minus = 0x2d
const zero = 0x30
const nine = 0x39
const colon = 0x3a
const openBracket = 0x5b
const backslash = 0x5c
const closeBracket = 0x5d
const openBrace = 0x7b
const closeBrace = 0x7d

/** The index of the quote that ends the string that begins at `start`. */
const endOfString = (text: string, start: number): number => {
  let end = text.indexOf('"', start + 1)
  while (isEscaped(text, end)) end = text.indexOf('"', end + 1)
  return end
}

const isEscaped = (text: string, index: number): boolean => {
  let first = index
  while (text.charCodeAt(first - 1) === backslash) first -= 1
  return (index - first) % 2 === 1
}

const numberAt = /-?\d[\d.eE+-]*/y

/** What the grammar lets through and we do not. The text is known to be JSON, so only its tokens are looked at. */
class Scan {
  readonly #text: string
  /** One entry an open bracket: the names of an object so far, or nothing for an array. */
  readonly #open: (Set<string> | undefined)[] = []
  #lastString = ''
  #wrong: string | undefined

  constructor(text: string) {
    this.#text = text
  }

  /** What is wrong, or `undefined`. */
  run(): string | undefined {
    let at = 0
    while (at < this.#text.length && this.#wrong === undefined) at = this.#step(at)
    return this.#wrong
  }

  /** Takes what begins at `at`; the index after it. */
  #step(at: number): number {
    const code = this.#text.charCodeAt(at)
    if (code === quote) return this.#string(at)
    if (code === minus || (code >= zero && code <= nine)) return this.#number(at)
    if (code === colon) this.#name(this.#lastString)
    else if (code === openBrace) this.#enter(new Set())
    else if (code === openBracket) this.#enter(undefined)
    else if (code === closeBrace || code === closeBracket) this.#open.pop()
    return at + 1
  }

  #string(start: number): number {
    const end = endOfString(this.#text, start)
    const raw = this.#text.slice(start + 1, end)
    this.#lastString = raw.includes('\\') ? JSON.parse(`"${raw}"`) : raw
    // Decoded UTF-8 is well formed: only an escape can spell half a pair.
    if (this.#lastString !== raw && !this.#lastString.isWellFormed())
      this.#wrong = 'a string has a lone surrogate'
    return end + 1
  }

  #number(start: number): number {
    numberAt.lastIndex = start
    numberAt.test(this.#text)
    const end = numberAt.lastIndex
    if (!Number.isFinite(Number(this.#text.slice(start, end))))
      this.#wrong = 'a number is out of range'
    return end
  }

  #enter(names: Set<string> | undefined): void {
    this.#open.push(names)
    if (this.#open.length > jsonDepthMax) this.#wrong = `nested deeper than ${jsonDepthMax}`
  }

  #name(name: string): void {
    const names = this.#open.at(-1)
    if (names?.has(name)) this.#wrong = 'an object has a member twice'
    else if (name === '__proto__') this.#wrong = 'a member is named __proto__'
    names?.add(name)
  }
}

const grammatical = (text: string): StrictJson => {
  try {
    return { kind: 'parsed', value: JSON.parse(text) }
  } catch {
    return { kind: 'invalid', reason: 'not JSON' }
  }
}

const decoded = (bytes: Uint8Array): string | undefined => {
  try {
    return utf8.decode(bytes)
  } catch {
    return undefined
  }
}

/**
 * JSON (RFC 8259) of one meaning: UTF-8 without a byte order mark, no member twice (compared unescaped) or named
 * `__proto__`, no lone surrogate, no number past the range of a double, at most `jsonDepthMax` levels.
 */
export const parseStrictJson = (bytes: Uint8Array): StrictJson => {
  const text = decoded(bytes)
  if (text === undefined) return { kind: 'invalid', reason: 'not UTF-8' }
  const parsed = grammatical(text)
  if (parsed.kind === 'invalid') return parsed
  const reason = new Scan(text).run()
  return reason === undefined ? parsed : { kind: 'invalid', reason }
}

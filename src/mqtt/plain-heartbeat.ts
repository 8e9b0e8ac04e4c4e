import { plainHeartbeatBytesMax } from '../../protocol/limits.ts'
import { type PlainMember, plainMembers } from './plain-members.ts'
import { PlainScanner } from './plain-scanner.ts'

/** A heartbeat whose members may be stored as they were sent. */
export type PlainHeartbeat = {
  readonly boot: number | undefined
  readonly seq: number | undefined
  /** `boot`, `seq` and `at` as JSON text, without braces. */
  readonly numbers: string
  /** The other members as JSON text, without braces. */
  readonly data: string
}

const quote = 0x22
const comma = 0x2c
const colon = 0x3a
const openBrace = 0x7b
const closeBrace = 0x7d

/** Where a member stands in its document: its name between quotes, and its value. */
type Met = {
  readonly member: PlainMember
  readonly integer: number
  readonly valueAt: number
  readonly end: number
}

const metAt = (scanner: PlainScanner, known: number): Met | undefined => {
  if (!scanner.take(quote)) return undefined
  const member = plainMembers.get(scanner.string() ?? '')
  if (!member || (known & member.bit) !== 0 || !scanner.take(colon)) return undefined
  scanner.skip()
  const valueAt = scanner.at
  if (!scanner.value(member)) return undefined
  return { member, integer: scanner.integer, valueAt, end: scanner.at }
}

const metIn = (scanner: PlainScanner): readonly Met[] | undefined => {
  const all: Met[] = []
  if (!scanner.take(openBrace)) return undefined
  let known = 0
  if (!scanner.take(closeBrace)) {
    do {
      const met = metAt(scanner, known)
      if (!met) return undefined
      known |= met.member.bit
      all.push(met)
    } while (scanner.take(comma))
    if (!scanner.take(closeBrace)) return undefined
  }
  scanner.skip()
  return scanner.at === scanner.text.length ? all : undefined
}

const numberNames = ['boot', 'seq', 'at']

const numberOf = (all: readonly Met[], name: string): number | undefined =>
  all.find(({ member }) => member.name === name)?.integer

const heartbeatOf = (text: string, all: readonly Met[]): PlainHeartbeat => {
  const written = (some: readonly Met[]) =>
    some.map(({ member, valueAt, end }) => `"${member.name}":${text.slice(valueAt, end)}`).join(',')
  return {
    boot: numberOf(all, 'boot'),
    seq: numberOf(all, 'seq'),
    numbers: written(
      numberNames.flatMap((name) => all.filter(({ member }) => member.name === name)),
    ),
    data: written(all.filter(({ member }) => !numberNames.includes(member.name))),
  }
}

/**
 * How the documents of a device look, when each begins with `boot`, `seq` and `at` and holds no blanks: what stands between the
 * values is always the same, and only the values have to be read.
 */
class Shape {
  /** Each with what stands before its value. */
  readonly #members: readonly { readonly between: string; readonly member: PlainMember }[]

  constructor(members: readonly PlainMember[]) {
    this.#members = members.map((member, i) => ({
      between: `${i === 0 ? '{' : ','}"${member.name}":`,
      member,
    }))
  }

  #passes(scanner: PlainScanner, from: number, to: number): boolean {
    for (let i = from; i < to; i += 1) {
      const expected = this.#members[i]
      if (!expected || !scanner.text.startsWith(expected.between, scanner.at)) return false
      scanner.at += expected.between.length
      if (!scanner.value(expected.member)) return false
    }
    return true
  }

  read(text: string): PlainHeartbeat | undefined {
    const scanner = new PlainScanner(text)
    if (!this.#passes(scanner, 0, 1)) return undefined
    const boot = scanner.integer
    if (!this.#passes(scanner, 1, 2)) return undefined
    const seq = scanner.integer
    if (!this.#passes(scanner, 2, numberNames.length)) return undefined
    const numbersEnd = scanner.at
    if (!this.#passes(scanner, numberNames.length, this.#members.length)) return undefined
    if (text.charCodeAt(scanner.at) !== closeBrace || scanner.at + 1 !== text.length)
      return undefined
    const data = text.slice(numbersEnd + 1, scanner.at)
    return { boot, seq, numbers: text.slice(1, numbersEnd), data }
  }
}

const shapeOf = (text: string, all: readonly Met[]): Shape | undefined => {
  const members = all.map(({ member }) => member)
  const isUsual = numberNames.every((name, i) => members[i]?.name === name)
  const shape = isUsual ? new Shape(members) : undefined
  return shape?.read(text) && shape
}

/** Reads the heartbeats of one device, and remembers how the last one looked. */
export class PlainHeartbeats {
  #shape: Shape | undefined

  /**
   * The heartbeat as it stands, when it holds nothing but plain members, which schema and serialisation would return unchanged;
   * `undefined` when they have to say.
   */
  read(payload: Buffer): PlainHeartbeat | undefined {
    if (payload.length > plainHeartbeatBytesMax) return undefined
    const text = payload.toString('latin1')
    const known = this.#shape?.read(text)
    if (known) return known
    const all = metIn(new PlainScanner(text))
    if (!all) return undefined
    this.#shape = shapeOf(text, all)
    return heartbeatOf(text, all)
  }
}

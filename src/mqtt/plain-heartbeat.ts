import { plainHeartbeatBytesMax } from '../../protocol/limits.ts'
import { type PlainMember, plainMembers } from './plain-members.ts'
import { PlainScanner } from './plain-scanner.ts'

/**
 * A heartbeat whose members may be stored as they were sent: JSON text without braces. In `bytes`, `boot`, `seq` and `at` stand in
 * `[numbersAt, numbersEnd)`, the other members in `[dataAt, dataEnd)`.
 */
export type PlainHeartbeat = {
  readonly boot: number | undefined
  readonly seq: number | undefined
  readonly bytes: Buffer
  readonly numbersAt: number
  readonly numbersEnd: number
  readonly dataAt: number
  readonly dataEnd: number
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
  const { bytes } = scanner
  if (!scanner.take(quote)) return undefined
  const nameAt = scanner.at
  if (!scanner.string()) return undefined
  const member = plainMembers.get(bytes.toString('latin1', nameAt, scanner.at - 1))
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
  return scanner.at === scanner.bytes.length ? all : undefined
}

const numberNames = ['boot', 'seq', 'at']

const numberOf = (all: readonly Met[], name: string): number | undefined =>
  all.find(({ member }) => member.name === name)?.integer

const heartbeatOf = (document: Buffer, all: readonly Met[]): PlainHeartbeat => {
  const written = (some: readonly Met[]) =>
    some
      .map(
        ({ member, valueAt, end }) =>
          `"${member.name}":${document.toString('latin1', valueAt, end)}`,
      )
      .join(',')
  const numbers = written(
    numberNames.flatMap((name) => all.filter(({ member }) => member.name === name)),
  )
  const data = written(all.filter(({ member }) => !numberNames.includes(member.name)))
  return {
    boot: numberOf(all, 'boot'),
    seq: numberOf(all, 'seq'),
    bytes: Buffer.from(numbers + data, 'latin1'),
    numbersAt: 0,
    numbersEnd: numbers.length,
    dataAt: numbers.length,
    dataEnd: numbers.length + data.length,
  }
}

/**
 * How the documents of a device look, when each begins with `boot`, `seq` and `at` and holds no blanks: what stands between the
 * values is always the same, and only the values have to be read.
 */
class Shape {
  /** Each with what stands before its value. */
  readonly #members: readonly { readonly between: Buffer; readonly member: PlainMember }[]

  constructor(members: readonly PlainMember[]) {
    this.#members = members.map((member, i) => ({
      between: Buffer.from(`${i === 0 ? '{' : ','}"${member.name}":`, 'latin1'),
      member,
    }))
  }

  #passes(scanner: PlainScanner, from: number, to: number): boolean {
    for (let i = from; i < to; i += 1) {
      const expected = this.#members[i]
      if (!expected || !scanner.takeAll(expected.between)) return false
      if (!scanner.value(expected.member)) return false
    }
    return true
  }

  read(bytes: Buffer): PlainHeartbeat | undefined {
    const scanner = new PlainScanner(bytes)
    if (!this.#passes(scanner, 0, 1)) return undefined
    const boot = scanner.integer
    if (!this.#passes(scanner, 1, 2)) return undefined
    const seq = scanner.integer
    if (!this.#passes(scanner, 2, numberNames.length)) return undefined
    const numbersEnd = scanner.at
    if (!this.#passes(scanner, numberNames.length, this.#members.length)) return undefined
    const dataEnd = scanner.at
    if (bytes[dataEnd] !== closeBrace || dataEnd + 1 !== bytes.length) return undefined
    // Behind the comma, where there is one.
    const dataAt = Math.min(numbersEnd + 1, dataEnd)
    return { boot, seq, bytes, numbersAt: 1, numbersEnd, dataAt, dataEnd }
  }
}

const shapeOf = (bytes: Buffer, all: readonly Met[]): Shape | undefined => {
  const members = all.map(({ member }) => member)
  const isUsual = numberNames.every((name, i) => members[i]?.name === name)
  const shape = isUsual ? new Shape(members) : undefined
  return shape?.read(bytes) && shape
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
    const known = this.#shape?.read(payload)
    if (known) return known
    const all = metIn(new PlainScanner(payload))
    if (!all) return undefined
    this.#shape = shapeOf(payload, all)
    return heartbeatOf(payload, all)
  }
}

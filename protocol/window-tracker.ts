import { type BootWindow, initialWindow, type Verdict } from './boot-window.ts'
import { bootsRememberedMax, seqWindowMax } from './limits.ts'
import type { Boot } from './payloads.ts'

const bitsPerWord = 32
const bitsPerNibble = 4
const words = seqWindowMax / bitsPerWord
const allOnes = 0xffff_ffff
const allSeen = 'f'.repeat(seqWindowMax / bitsPerNibble)

/**
 * A boot window that is changed in place: the same verdicts as `meet` of `boot-window.ts`, at the price of a few comparisons a
 * message. The bit of a number stands at its remainder.
 */
export class WindowTracker {
  #boot: Boot | null
  #high: number
  readonly #bits = new Uint32Array(words)
  #before: Boot[]

  constructor(window: BootWindow = initialWindow) {
    this.#boot = window.boot
    this.#high = window.high
    this.#before = [...window.before]
    this.#read(window.seen)
  }

  #read(seen: string): void {
    for (let i = 0; i < seen.length; i += 1) {
      const nibble = Number.parseInt(seen[seen.length - 1 - i] ?? '', 16)
      for (let bit = 0; bit < bitsPerNibble; bit += 1)
        if ((nibble >> bit) & 1) this.#set(this.#high - i * bitsPerNibble - bit)
    }
  }

  #set(seq: number): void {
    const bit = seq % seqWindowMax
    this.#bits[bit >> 5] = (this.#bits[bit >> 5] ?? 0) | (1 << (bit & 31))
  }

  #clear(seq: number): void {
    const bit = seq % seqWindowMax
    this.#bits[bit >> 5] = (this.#bits[bit >> 5] ?? 0) & ~(1 << (bit & 31))
  }

  #has(seq: number): boolean {
    if (seq < 0) return false
    const bit = seq % seqWindowMax
    return ((this.#bits[bit >> 5] ?? 0) & (1 << (bit & 31))) !== 0
  }

  /** What a message with these numbers would be; nothing changes. */
  verdict(boot: Boot, seq: number): Verdict {
    if (this.#boot !== boot) return this.#before.includes(boot) ? 'older-boot' : 'newest'
    if (seq > this.#high) return 'newest'
    if (this.#high - seq >= seqWindowMax) return 'below-window'
    return this.#has(seq) ? 'repeat' : 'late'
  }

  /** A message with these numbers is met. */
  meet(boot: Boot, seq: number): Verdict {
    const verdict = this.verdict(boot, seq)
    if (verdict === 'late') this.#set(seq)
    if (verdict !== 'newest') return verdict
    if (this.#boot !== boot) this.#enter(boot)
    else this.#advance(seq)
    this.#high = seq
    this.#set(seq)
    return verdict
  }

  /** As it stands, in the form that is kept. */
  value(): BootWindow {
    return { boot: this.#boot, high: this.#high, seen: this.#seen(), before: this.#before }
  }

  #seen(): string {
    // As it is with a device that loses nothing.
    if (this.#bits.every((word) => word === allOnes)) return allSeen
    const nibbles: string[] = []
    for (let low = 0; low < seqWindowMax && low <= this.#high; low += bitsPerNibble) {
      let nibble = 0
      for (let bit = bitsPerNibble - 1; bit >= 0; bit -= 1)
        nibble = (nibble << 1) | (this.#has(this.#high - low - bit) ? 1 : 0)
      nibbles.push(nibble.toString(16))
    }
    const seen = nibbles.reverse().join('')
    return seen === '' ? '0' : seen.replace(/^0+(?=.)/, '')
  }

  #enter(boot: Boot): void {
    if (this.#boot !== null) this.#before = [...this.#before, this.#boot].slice(-bootsRememberedMax)
    this.#boot = boot
    this.#bits.fill(0)
  }

  #advance(seq: number): void {
    if (seq - this.#high >= seqWindowMax) this.#bits.fill(0)
    else for (let passed = this.#high + 1; passed <= seq; passed += 1) this.#clear(passed)
  }
}

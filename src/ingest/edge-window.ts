import { type BootWindow, initialWindow, type Verdict } from '../../protocol/boot-window.ts'
import { bootsRememberedMax, seqWindowMax } from '../../protocol/limits.ts'
import type { Boot } from '../../protocol/payloads.ts'

const bitsPerWord = 32
const words = seqWindowMax / bitsPerWord

/**
 * A boot window that is changed in place: the same verdicts as `meet` of `protocol/boot-window.ts`, at the price of a few
 * comparisons a message. The bit of a number stands at its remainder.
 */
export class EdgeWindow {
  #boot: Boot | null
  #high: number
  readonly #bits = new Uint32Array(words)
  #before: Boot[]

  constructor(window: BootWindow = initialWindow) {
    this.#boot = window.boot
    this.#high = window.high
    this.#before = [...window.before]
    const seen = BigInt(`0x${window.seen}`)
    for (let i = 0; i < seqWindowMax && window.high - i >= 0; i += 1)
      if ((seen >> BigInt(i)) & 1n) this.#set(window.high - i)
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

  /** A message with these numbers is stored. */
  stored(boot: Boot, seq: number): void {
    const verdict = this.verdict(boot, seq)
    if (verdict === 'late') this.#set(seq)
    if (verdict !== 'newest') return
    if (this.#boot !== boot) this.#enter(boot)
    else this.#advance(seq)
    this.#high = seq
    this.#set(seq)
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

import { randomInt, randomUUID } from 'node:crypto'
import type { DeviceId, RecordingId } from '../../../protocol/ids.ts'
import { type Range, type Ranges, withNumbers } from '../../../protocol/ranges.ts'
import type { DownWatermark } from '../../../protocol/recording-payloads.ts'
import { recordingIdOf } from '../../../protocol/topics.ts'
import { chunkMs, chunkOf, ended, type Sound } from './sound.ts'

/** A recording as it stands in the flash of a device, where no power cut reaches it; and what became of it. */
export class KeptRecording {
  readonly uuid = randomUUID()
  readonly id: RecordingId
  /** In which it was recorded. */
  readonly boot: number
  readonly startedAt = Date.now()
  readonly sound: Sound
  readonly #chunks = new Map<number, Buffer>()
  readonly #lost = new Set<number>()
  #count = 0
  #bytes = 0
  #endedAt: number | undefined
  #watermark: DownWatermark | undefined
  #freedUpTo = 0
  #isEndTaken = false

  constructor(device: string, { boot, chunkBytes }: { boot: number; chunkBytes: number }) {
    this.id = recordingIdOf(device as DeviceId, this.uuid)
    this.boot = boot
    this.sound = { serial: randomInt(2 ** 32 - 1), chunkBytes }
  }

  /** The next second of it; its index. The last one of a recording that ends in order is marked. */
  add(isLast: boolean): number {
    this.#count += 1
    const chunk = chunkOf(this.sound, this.#count)
    const kept = isLast ? ended(chunk) : chunk
    this.#chunks.set(this.#count, kept)
    this.#bytes += kept.length
    if (isLast) this.close()
    return this.#count
  }

  /** Nothing is added any more, in order or because the power went. */
  close(): void {
    this.#endedAt ??= Date.now()
  }

  /** A chunk that can be read no more, nor sent. */
  lose(index: number): void {
    if (this.#chunks.delete(index)) this.#lost.add(index)
  }

  /** What is still held of it. */
  chunk(index: number): Buffer | undefined {
    return this.#chunks.get(index)
  }

  get held(): readonly number[] {
    return [...this.#chunks.keys()]
  }

  get count(): number {
    return this.#count
  }

  get bytes(): number {
    return this.#bytes
  }

  get isClosed(): boolean {
    return this.#endedAt !== undefined
  }

  get lost(): Ranges {
    return withNumbers([], [...this.#lost])
  }

  /** What it was told last. */
  get watermark(): DownWatermark | undefined {
    return this.#watermark
  }

  /** Frees what it may: chunks up to `stored_up_to`, and nothing else. How many more are stored than it ever knew. */
  take(watermark: DownWatermark): number {
    const fresh = Math.max(0, watermark.stored_up_to - this.#freedUpTo)
    this.#freedUpTo += fresh
    this.#watermark = watermark
    for (const index of this.held) if (index <= watermark.stored_up_to) this.#chunks.delete(index)
    return fresh
  }

  /** Whether what `finish` says was acknowledged and not refused. Only from then on `missing` names all gaps, and not those up to the last announced one. */
  takeEnd(isTaken: boolean): void {
    this.#isEndTaken = isTaken
  }

  /** Whether the device has nothing to do for it any more: all is stored but what it lost. */
  get isDone(): boolean {
    if (!this.isClosed || !this.#watermark) return false
    if (this.#count === 0) return this.#watermark.status === 'failed'
    const isMissing = (index: number) =>
      this.#watermark?.missing.some(([from, to]: Range) => from <= index && index <= to)
    return this.#lost.size === 0
      ? this.#watermark.complete && this.#watermark.stored_up_to >= this.#count
      : this.#isEndTaken &&
          this.held.every((index) => !isMissing(index)) &&
          [...this.#lost].every(isMissing)
  }

  /** What `finish` says; `undefined` while it is recorded. */
  get finish(): object | undefined {
    if (this.#endedAt === undefined) return undefined
    return {
      total_chunks: this.#count,
      total_bytes: this.#bytes,
      duration_ms: this.#count * chunkMs,
      ended_at: this.#endedAt,
    }
  }
}

import { createHash, randomInt } from 'node:crypto'
import { setTimeout as delay } from 'node:timers/promises'
import type { DownError } from '../../../protocol/down-payloads.ts'
import { chunksPerMessageMax } from '../../../protocol/limits.ts'
import type { DownGrants, DownWatermark, Grant } from '../../../protocol/recording-payloads.ts'
import type { SimulatedDevice } from './device.ts'
import { KeptRecording } from './flash.ts'
import { chunkMs } from './sound.ts'
import { Uploads } from './uploads.ts'

/** What all recorders of a simulation count together. */
export type Tally = {
  /** Chunks, each once. */
  announced: number
  stored: number
  verified: number
  /** Messages that said again, or out of order, what was said. */
  repeated: number
  disconnects: number
  powerCuts: number
  /** Grants of no use: another object, another length, too late. */
  refused: number
  /** Codes of `down/errors`. */
  readonly errors: Map<string, number>
}

export const noTally = (): Tally => ({
  announced: 0,
  stored: 0,
  verified: 0,
  repeated: 0,
  disconnects: 0,
  powerCuts: 0,
  refused: 0,
  errors: new Map(),
})

export type RecordingPlan = {
  readonly chunks: number
  readonly chunkBytes: number
  /** Between two chunks. */
  readonly everyMs: number
  /** After one of its chunks, at random: the line breaks, the power goes (and the recording ends), the chunk cannot be read back. */
  readonly trouble?: 'line' | 'power' | 'flash' | undefined
}

const chance = (share: number): boolean => Math.random() < share

const shuffled = (numbers: readonly number[]): number[] => {
  const rest = [...numbers]
  return numbers.map(() => rest.splice(randomInt(rest.length), 1)[0] ?? 0)
}

const inMessages = (indices: readonly number[]): number[][] =>
  Array.from({ length: Math.ceil(indices.length / chunksPerMessageMax) }, (_, at) =>
    indices.slice(at * chunksPerMessageMax, (at + 1) * chunksPerMessageMax),
  )

/** What a recorder holds in memory of a recording: gone with the power. */
type Said = { start: boolean; unsaid: number[] }

/** The recordings of one device, announced and uploaded as `docs/recordings.md` asks of firmware. */
export class Recorder {
  readonly #device: SimulatedDevice
  readonly #tally: Tally
  readonly #recordings: KeptRecording[] = []
  readonly #uploads = new Uploads()
  #said = new Map<KeptRecording, Said>()
  /** For the tally alone. */
  readonly #counted = { announced: new Set<string>(), stored: new Set<string>() }

  constructor(device: SimulatedDevice, tally: Tally) {
    this.#device = device
    this.#tally = tally
    device.listen({
      heard: (topic, bytes) => this.#hear(topic, bytes),
      awoke: () => this.#sayAll(),
      cameBack: () => this.#sayEnds(),
    })
  }

  get recordings(): readonly KeptRecording[] {
    return this.#recordings
  }

  get isDone(): boolean {
    return this.#recordings.every(({ isDone }) => isDone)
  }

  disconnect(): void {
    this.#tally.disconnects += 1
    this.#device.disconnect()
  }

  /** What was recorded until now stays, as far as it was written to flash. */
  cutPower(): void {
    this.#tally.powerCuts += 1
    this.#uploads.forget()
    this.#said = new Map()
    for (const kept of this.#recordings) kept.close()
    this.#device.cutPower()
  }

  /** One recording; resolves when nothing is added to it any more. */
  async record({ chunks, chunkBytes, everyMs, trouble }: RecordingPlan): Promise<KeptRecording> {
    const kept = new KeptRecording(this.#device.id, { boot: this.#device.boot, chunkBytes })
    this.#recordings.push(kept)
    if (chance(0.75)) this.#sayStart(kept)
    const troubleAt = 1 + randomInt(chunks)
    for (let index = 1; index <= chunks && !kept.isClosed; index += 1) {
      await delay(everyMs * (0.5 + Math.random()))
      if (kept.isClosed) break
      this.#add(kept, index === chunks, index === troubleAt ? trouble : undefined)
    }
    return kept
  }

  #add(kept: KeptRecording, isLast: boolean, trouble: RecordingPlan['trouble']): void {
    const index = kept.add(isLast)
    this.#saidOf(kept).unsaid.push(index)
    // Its announcement needs its hash, which was made of what was to be written.
    const isHeld = !isLast && chance(1 / 3)
    if (!isHeld) this.#announce(kept, isLast)
    if (trouble === 'flash') kept.lose(index)
    if (trouble === 'line') this.disconnect()
    if (trouble === 'power') this.cutPower()
  }

  #saidOf(kept: KeptRecording): Said {
    const known = this.#said.get(kept)
    if (known) return known
    const made: Said = { start: false, unsaid: [] }
    this.#said.set(kept, made)
    return made
  }

  /** What was not said yet, in any order, now and then in two messages, the later first, or twice. */
  #announce(kept: KeptRecording, isLast: boolean): void {
    const said = this.#saidOf(kept)
    const indices = shuffled(said.unsaid)
    said.unsaid = []
    const middle = indices.length > 1 && chance(0.5) ? randomInt(1, indices.length) : 0
    const messages = [indices.slice(middle), indices.slice(0, middle)]
    const finishFirst = isLast && chance(0.25)
    if (finishFirst) this.#sayFinish(kept)
    for (const one of messages) this.#sayChunks(kept, one)
    if (chance(0.2)) {
      this.#tally.repeated += 1
      this.#sayChunks(kept, indices)
    }
    if (!said.start) this.#sayStart(kept)
    if (isLast && !finishFirst) this.#sayFinish(kept)
  }

  /** After a power-on: all that flash holds, in the order of the recordings. What the last watermark did not name may never have been said. */
  #sayAll(): void {
    for (const kept of this.#recordings) {
      if ((kept.isDone && kept.held.length === 0) || !kept.isClosed) continue
      this.#sayStart(kept)
      for (const indices of inMessages(kept.held)) this.#sayChunks(kept, indices)
      this.#sayFinish(kept)
    }
  }

  /** The word that the end of one was not understood may have been lost with the line. */
  #sayEnds(): void {
    for (const kept of this.#recordings) if (!kept.isDone) this.#sayFinish(kept)
  }

  #say(
    kept: KeptRecording,
    message: 'start' | 'chunks' | 'finish',
    body: object,
    taken?: () => void,
  ): void {
    const { boot } = kept
    // The clock of another boot says nothing of this one, nor what it showed long before the message can go.
    const isNow = boot === this.#device.boot && this.#device.ready
    const at = isNow ? { at: new Date().toISOString() } : {}
    this.#device.publish(`recordings/${kept.uuid}/${message}`, { boot, ...at, ...body }, taken)
  }

  #sayStart(kept: KeptRecording): void {
    this.#saidOf(kept).start = true
    this.#say(kept, 'start', {
      codec: 'opus',
      sample_rate: 16_000,
      channels: 1,
      started_at: kept.startedAt,
      planned_chunk_bytes: kept.sound.chunkBytes,
      clock_synced: true,
    })
  }

  #sayChunks(kept: KeptRecording, indices: readonly number[]): void {
    const chunks = indices.flatMap((index) => {
      const body = kept.chunk(index)
      if (!body) return []
      const sha256 = createHash('sha256').update(body).digest('hex')
      const started_at = kept.startedAt + (index - 1) * chunkMs
      return [{ index, bytes: body.length, sha256, started_at, duration_ms: chunkMs }]
    })
    if (chunks.length === 0) return
    this.#say(kept, 'chunks', { chunks })
    this.#tally.announced += this.#count('announced', kept, indices)
  }

  #sayFinish(kept: KeptRecording): void {
    if (kept.finish) this.#say(kept, 'finish', kept.finish, () => kept.takeEnd(true))
  }

  /** How many of them were not counted before. */
  #count(what: 'announced' | 'stored', { id }: KeptRecording, indices: readonly number[]): number {
    const counted = this.#counted[what]
    const before = counted.size
    for (const index of indices) counted.add(`${id}/${index}`)
    return counted.size - before
  }

  #keptOf(name: string | undefined): KeptRecording | undefined {
    return this.#recordings.find(({ uuid, id }) => name === uuid || name === id)
  }

  #hear(topic: string, bytes: Buffer): void {
    const [name, message] = topic.split('/').slice(-2)
    const value = JSON.parse(bytes.toString())
    if (message === 'errors') this.#takeError(value)
    const kept = this.#keptOf(name)
    if (kept && message === 'watermark') this.#takeWatermark(kept, value)
    if (kept && message === 'grants')
      for (const grant of (value as DownGrants).grants) this.#put(kept, grant)
  }

  /** A `finish` that overtook all that began its recording is said again, behind a start. */
  #takeError({ code, topic }: DownError): void {
    const { errors } = this.#tally
    errors.set(code, (errors.get(code) ?? 0) + 1)
    const kept = code === 'recording_not_found' ? this.#keptOf(topic?.split('/').at(-2)) : undefined
    if (!kept) return
    kept.takeEnd(false)
    this.#sayStart(kept)
    this.#sayFinish(kept)
  }

  #takeWatermark(kept: KeptRecording, watermark: DownWatermark): void {
    const fresh = kept.take(watermark)
    this.#tally.verified += fresh
    // The reply to a PUT may have been lost with its line.
    const stored = Array.from({ length: fresh }, (_, i) => watermark.stored_up_to - i)
    this.#tally.stored += this.#count('stored', kept, stored)
  }

  #put(kept: KeptRecording, grant: Grant): void {
    const { index } = grant
    this.#uploads.add({
      name: `${kept.id}/${index}`,
      grant,
      body: () => kept.chunk(index),
      stored: () => {
        this.#tally.stored += this.#count('stored', kept, [index])
      },
      refused: () => {
        this.#tally.refused += 1
        this.#sayChunks(kept, [index])
      },
    })
  }
}

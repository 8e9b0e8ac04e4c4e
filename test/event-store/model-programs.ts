import { type Engine, openEngine } from '../../src/embedded/event-store/engine.ts'
import { Fault } from '../../src/embedded/event-store/faults.ts'
import type { Written } from '../../src/embedded/event-store/writer.ts'
import { Model, type Outcome, type Step } from './model.ts'

const stepsOfProgram = 24
const streamsOfProgram = 3

/** A small generator with a seed (mulberry32): the same program for the same seed, for ever. */
const chanceOf = (seed: number) => {
  let state = seed >>> 0
  return (below: number): number => {
    state = (state + 0x6d2b79f5) >>> 0
    let t = state
    t = Math.imul(t ^ (t >>> 15), t | 1)
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61)
    return ((t ^ (t >>> 14)) >>> 0) % below
  }
}

const stepOf = (chance: (below: number) => number): Step => {
  const stream = chance(streamsOfProgram)
  const kind = chance(100)
  if (kind < 62) {
    const expected = (['any', 'no_stream', 'stream_exists', 0] as const)[chance(4)] ?? 'any'
    const ids = Array.from({ length: chance(4) }, () => chance(14))
    return { do: 'append', stream, ids, expected: expected === 0 ? chance(9) : expected }
  }
  if (kind < 72) return { do: 'delete', stream }
  if (kind < 75) return { do: 'tombstone', stream }
  if (kind < 82) return { do: 'limit', stream, maxCount: 1 + chance(4) }
  if (kind < 89) return { do: 'cut', stream, before: 1 + chance(6) }
  return { do: kind < 93 ? 'restart' : 'scavenge' }
}

export const programOf = (seed: number): readonly Step[] => {
  const chance = chanceOf(seed)
  return Array.from({ length: stepsOfProgram }, () => stepOf(chance))
}

const outcomeOf = (written: Written, isAppend: boolean): Outcome => {
  if (written.kind === 'written') return isAppend ? `revision ${written.revision}` : 'ok'
  return { 'wrong-version': 'wrong-expected-version', deleted: 'stream-deleted' }[
    written.kind as 'deleted'
  ]
}

/** The real thing, restarted where a program says so. All programs share a folder; each has streams of its own. */
export class Subject {
  #engine: Engine
  readonly #folder: string

  private constructor(engine: Engine, folder: string) {
    this.#engine = engine
    this.#folder = folder
  }

  static async open(folder: string): Promise<Subject> {
    return new Subject(await openIn(folder), folder)
  }

  async run(step: Step, name: (stream: number) => string, model: Model): Promise<Outcome> {
    const { writer, scavenger } = this.#engine
    switch (step.do) {
      case 'append': {
        const events = step.ids.map((n) => event(model.idOf(n), 'a', '{}'))
        return outcomeOf(await writer.append(name(step.stream), events, step.expected), true)
      }
      case 'delete':
        return outcomeOf(await writer.remove(name(step.stream), 'any'), false)
      case 'tombstone':
        return outcomeOf(await writer.tombstone(name(step.stream), 'any'), false)
      case 'limit':
        return this.#setMetadata(name(step.stream), { $maxCount: step.maxCount })
      case 'cut':
        return this.#setMetadata(name(step.stream), { $tb: step.before })
      case 'restart':
        await this.close()
        this.#engine = await openIn(this.#folder)
        return 'ok'
      case 'scavenge':
        await scavenger.pass(() => true)
        return 'ok'
    }
  }

  async #setMetadata(stream: string, value: object): Promise<Outcome> {
    const { writer, newId } = this.#engine
    const one = event(newId(), '$metadata', JSON.stringify(value))
    const outcome = outcomeOf(await writer.append(`$$${stream}`, [one], 'any'), true)
    return outcome.startsWith('revision') ? 'ok' : outcome
  }

  /** In the words of the model. */
  read(stream: string): Outcome {
    const { reader } = this.#engine
    try {
      if (!reader.visible(stream)) return 'stream-not-found'
    } catch (error) {
      if (error instanceof Fault) return String(error.metadata.get('exception')[0])
      throw error
    }
    const seen: string[] = []
    for (let next = 0; ; ) {
      const page = reader.page(stream, next, 5, false)
      for (const { revision, id } of page.events) seen.push(`${revision}:${id}`)
      next = page.next
      if (page.end) return seen.join(' ')
    }
  }

  async close(): Promise<void> {
    this.#engine.scavenger.stop()
    await this.#engine.writer.close()
    this.#engine.close()
  }
}

const event = (id: string, type: string, data: string) => ({
  id,
  type,
  contentType: 'application/json',
  data: Buffer.from(data),
  metadata: Buffer.alloc(0),
})

const openIn = (dataDir: string) =>
  openEngine({
    dataDir,
    now: Date.now,
    onBroken: (error) => {
      throw error
    },
    scavenge: { everyMs: 3_600_000, ageMs: 0 },
  })

/** Runs one program against both; what differs, with the step that shows it. */
export const differenceOf = async (subject: Subject, seed: number): Promise<string | undefined> => {
  const model = new Model()
  const name = (stream: number) => `p${seed}-${stream}`
  for (const [i, step] of programOf(seed).entries()) {
    const wanted = model.run(step)
    const got = await subject.run(step, name, model)
    const at = `seed ${seed}, step ${i} ${JSON.stringify(step)}`
    if (got !== wanted) return `${at}: ${got}, but the model says ${wanted}`
    for (let stream = 0; stream < streamsOfProgram; stream += 1) {
      const [seen, meant] = [subject.read(name(stream)), model.read(stream)]
      if (seen !== meant)
        return `${at}, then reading ${stream}:\n  ${seen}\nbut the model says\n  ${meant}`
    }
  }
  return undefined
}

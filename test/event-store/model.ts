import { randomUUID } from 'node:crypto'

/** What a program does to a store. Streams and ids are small numbers, so that programs meet themselves. */
export type Step =
  | {
      readonly do: 'append'
      readonly stream: number
      readonly ids: readonly number[]
      readonly expected: 'any' | 'no_stream' | 'stream_exists' | number
    }
  | { readonly do: 'delete' | 'tombstone'; readonly stream: number }
  | { readonly do: 'limit'; readonly stream: number; readonly maxCount: number }
  | { readonly do: 'cut'; readonly stream: number; readonly before: number }
  | { readonly do: 'restart' | 'scavenge' }

export type Outcome = string

type Stream = {
  /** Ids by revision; scavenged ones are `undefined`. */
  ids: (string | undefined)[]
  metadata: number
  maxCount: number | undefined
  before: number
  deleted: boolean
  tombstoned: boolean
}

/** The rules of a stream in the simplest form that holds them: arrays, and no storage. */
export class Model {
  readonly #streams = new Map<number, Stream>()
  readonly #names = new Map<number, string>()
  /** Of `any` and `stream_exists`; a restart forgets them. */
  #recent = new Map<string, number>()

  idOf(n: number): string {
    const known = this.#names.get(n) ?? randomUUID()
    this.#names.set(n, known)
    return known
  }

  #of(n: number): Stream {
    const stream = this.#streams.get(n) ?? {
      ids: [],
      metadata: -1,
      maxCount: undefined,
      before: 0,
      deleted: false,
      tombstoned: false,
    }
    this.#streams.set(n, stream)
    return stream
  }

  run(step: Step): Outcome {
    switch (step.do) {
      case 'append':
        return this.#append(step)
      case 'delete':
        return this.#delete(this.#of(step.stream))
      case 'tombstone':
        return this.#tombstone(this.#of(step.stream))
      case 'limit':
        return this.#setMetadata(this.#of(step.stream), { maxCount: step.maxCount, before: 0 })
      case 'cut':
        return this.#setMetadata(this.#of(step.stream), {
          maxCount: undefined,
          before: step.before,
        })
      case 'restart':
        this.#recent = new Map()
        return 'ok'
      case 'scavenge':
        for (const stream of this.#streams.values()) this.#scavenge(stream)
        return 'ok'
    }
  }

  /** `revision:id` of what a reader sees, or why there is nothing. */
  read(n: number): Outcome {
    const stream = this.#of(n)
    if (stream.tombstoned) return 'stream-deleted'
    if (stream.ids.length === 0 || stream.deleted) return 'stream-not-found'
    return stream.ids
      .map((id, revision) => ({ id, revision }))
      .slice(this.#firstVisible(stream))
      .filter(({ id }) => id !== undefined)
      .map(({ id, revision }) => `${revision}:${id}`)
      .join(' ')
  }

  #firstVisible({ before, maxCount, ids }: Stream): number {
    return Math.max(before, maxCount === undefined ? 0 : ids.length - maxCount)
  }

  #append({ stream: n, ids: numbers, expected }: Step & { do: 'append' }): Outcome {
    const stream = this.#of(n)
    const ids = numbers.map((one) => this.idOf(one))
    const isThere = stream.ids.length > 0 || stream.metadata >= 0
    const mustExist = expected === 'stream_exists'
    if (stream.tombstoned || (mustExist && stream.deleted)) return 'stream-deleted'
    if (mustExist && !isThere) return 'wrong-expected-version'
    return this.#appendAt(n, ids, expected)
  }

  #appendAt(n: number, ids: readonly string[], expected: (Step & { do: 'append' })['expected']) {
    const stream = this.#of(n)
    const verdict =
      typeof expected === 'number' || expected === 'no_stream'
        ? this.#exact(stream, ids, expected === 'no_stream' ? -1 : expected)
        : this.#loose(n, ids)
    if (verdict !== 'write') return verdict
    for (const id of ids) {
      stream.ids.push(id)
      const key = `${n} ${id}`
      if (!this.#recent.has(key)) this.#recent.set(key, stream.ids.length - 1)
    }
    this.#revive(stream, stream.ids.length - ids.length)
    return `revision ${stream.ids.length - 1}`
  }

  #revive(stream: Stream, first: number): void {
    if (!stream.deleted) return
    stream.deleted = false
    stream.before = first
    stream.maxCount = undefined
    stream.metadata += 1
  }

  #exact(stream: Stream, ids: readonly string[], expected: number): Outcome | 'write' {
    const last = stream.ids.length - 1
    if (last < expected) return 'wrong-expected-version'
    if (last === expected) return 'write'
    const there = ids.map((id, i) => stream.ids[expected + 1 + i] === id)
    if (ids.length > 0 && there.every((one) => one)) return `revision ${expected + ids.length}`
    return expected === -1 && stream.deleted && there[0] !== true
      ? 'write'
      : 'wrong-expected-version'
  }

  #loose(n: number, ids: readonly string[]): Outcome | 'write' {
    const known = ids.map((id) => this.#recent.get(`${n} ${id}`))
    if (known[0] === undefined) return 'write'
    return known.every((one) => one !== undefined)
      ? `revision ${known.at(-1)}`
      : 'wrong-expected-version'
  }

  #delete(stream: Stream): Outcome {
    if (stream.tombstoned) return 'stream-deleted'
    if (stream.ids.length === 0 && stream.metadata < 0) return 'wrong-expected-version'
    stream.deleted = true
    stream.maxCount = undefined
    stream.before = 0
    stream.metadata += 1
    return 'ok'
  }

  #tombstone(stream: Stream): Outcome {
    if (stream.tombstoned) return 'stream-deleted'
    stream.tombstoned = true
    return 'ok'
  }

  #setMetadata(
    stream: Stream,
    { maxCount, before }: { maxCount: number | undefined; before: number },
  ): Outcome {
    // Metadata that was there before the tombstone still takes appends, without effect (recorded).
    if (stream.tombstoned) return stream.metadata >= 0 ? 'ok' : 'stream-deleted'
    const wasDeleted = stream.deleted
    stream.maxCount = maxCount
    stream.before = wasDeleted ? stream.ids.length : before
    stream.deleted = false
    stream.metadata += wasDeleted ? 2 : 1
    return 'ok'
  }

  #scavenge(stream: Stream): void {
    const last = stream.ids.length - 1
    const below = stream.deleted ? last : Math.min(last, this.#firstVisible(stream))
    for (let revision = 0; revision < below; revision += 1) stream.ids[revision] = undefined
  }
}

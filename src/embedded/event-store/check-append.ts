/** What a writer expects of a stream: any state, none, some, or its newest revision. */
export type Expected = 'any' | 'no_stream' | 'stream_exists' | number

/** What the rules look at. */
export type Situation = {
  readonly last: number
  readonly tombstoned: boolean
  readonly deleted: boolean
  readonly hasMetadata: boolean
}

/** Where an id was written before, within this stream. */
export type Written = { readonly revision: number; readonly position: number }

export type Memory = {
  /** The event of that revision of the stream. */
  readonly at: (revision: number) => { readonly id: string; readonly position: number } | undefined
  /** Of the ids that were written lately: where. */
  readonly recent: (id: string) => Written | undefined
}

export type Verdict =
  | { readonly kind: 'write' }
  /** The same append once more: the revision and position of its last event (`undefined` after a soft delete). */
  | { readonly kind: 'repeat'; readonly revision: number; readonly position: number | undefined }
  | { readonly kind: 'wrong-version' }
  | { readonly kind: 'deleted' }

const write: Verdict = { kind: 'write' }
const wrong: Verdict = { kind: 'wrong-version' }

const repeat = (last: Written, state: Situation): Verdict => ({
  kind: 'repeat',
  revision: last.revision,
  position: state.deleted ? undefined : last.position,
})

/** Strong for an exact revision: the events that stand from there on decide, of whatever age. */
const exact = (
  expected: number,
  ids: readonly string[],
  state: Situation,
  memory: Memory,
): Verdict => {
  if (state.last < expected) return wrong
  if (state.last === expected) return write
  const found = ids.map((id, k) => {
    const event = memory.at(expected + 1 + k)
    return event?.id === id ? { revision: expected + 1 + k, position: event.position } : undefined
  })
  const last = found.at(-1)
  if (last && found.every((event) => event)) return repeat(last, state)
  return expected === -1 && state.deleted && !found[0] ? write : wrong
}

/** Bounded for the others: the first id decides; once it is known, all must be, in whatever order. */
const loose = (ids: readonly string[], state: Situation, memory: Memory): Verdict => {
  const [first] = ids
  if (first === undefined || !memory.recent(first)) return write
  const found = ids.map(memory.recent)
  const last = found.at(-1)
  return last && found.every((one) => one) ? repeat(last, state) : wrong
}

/** Whether an append may be written, or was already, as EventStoreDB 24.2 was seen to decide. */
export const checkAppend = (
  expected: Expected,
  ids: readonly string[],
  state: Situation,
  memory: Memory,
): Verdict => {
  if (state.tombstoned) return { kind: 'deleted' }
  if (expected === 'any') return loose(ids, state, memory)
  if (expected === 'stream_exists') {
    if (state.deleted) return { kind: 'deleted' }
    if (state.last < 0 && !state.hasMetadata) return wrong
    return loose(ids, state, memory)
  }
  return exact(expected === 'no_stream' ? -1 : expected, ids, state, memory)
}

import { isDeepStrictEqual } from 'node:util'
import { parseLifecycleEvent } from '../../protocol/events/lifecycle.ts'
import type { EventStore, NewEvent } from '../../src/store/event-store.ts'
import { parseLifecycleStream } from '../../src/store/streams.ts'

/** Throws where an event that is about to be stored would be read otherwise, or not at all. */
export const checkWritten = (
  stream: string,
  { type, data }: Pick<NewEvent, 'type' | 'data'>,
): void => {
  const kind = parseLifecycleStream(stream)?.kind
  if (!kind) return
  const { salt, ...said } = JSON.parse(JSON.stringify(data))
  const read = parseLifecycleEvent(kind, type, said)
  if (typeof salt !== 'string' || !isDeepStrictEqual(read.data, said))
    throw new Error(`${type} is written with more or less than its schema says`)
}

/** The store, in which every lifecycle event that is appended is held against its schema first: nothing else does that when it writes. */
export const checkedStore = (store: EventStore): EventStore => ({
  ...store,
  append: (stream, events, expected) => {
    for (const event of events) checkWritten(stream, event)
    return store.append(stream, events, expected)
  },
})

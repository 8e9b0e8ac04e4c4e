import { setImmediate as turn } from 'node:timers/promises'
import { batchEntriesMax, batchEventsMax, entriesATurnMax } from '../../protocol/limits.ts'
import type { Followed, StoredEvent, Subscription } from '../store/event-store.ts'
import { type Decoded, decode } from './decode.ts'

/** What the log brought: its events, and how far it was read. */
export type Taken<Event = Decoded> = {
  readonly decoded: readonly Event[]
  readonly to: bigint | undefined
  /** Whether the end of the log was reached. */
  readonly caughtUp: boolean
}

/** How an event is read, and how many entries it counts for. */
type Reading<Event> = {
  readonly read: (event: StoredEvent) => Event
  readonly entriesOf: (event: Event) => number
  readonly entriesMax: number
}

const decoding: Omit<Reading<Decoded>, 'entriesMax'> = {
  read: decode,
  entriesOf: (decoded) => (decoded.kind === 'observed' ? decoded.entries.length : 1),
}

/** What the log brought, until it is enough for a batch; reading it holds up nobody else in this thread. */
const take = async <Event>(
  items: readonly Followed[],
  { read, entriesOf, entriesMax }: Reading<Event>,
): Promise<{ taken: Taken<Event>; left: readonly Followed[] }> => {
  const decoded: Event[] = []
  let to: bigint | undefined
  let caughtUp = false
  let entries = 0
  let turns = 0
  let count = 0
  for (const item of items) {
    if (decoded.length >= batchEventsMax || entries >= entriesMax) break
    if (entries >= (turns + 1) * entriesATurnMax) {
      turns += 1
      await turn()
    }
    count += 1
    if (item.kind === 'caught-up') caughtUp = true
    else if (item.kind === 'checkpoint') to = item.position
    else {
      const one = read(item.event)
      decoded.push(one)
      entries += entriesOf(one)
      to = item.event.position
    }
  }
  return { taken: { decoded, to, caughtUp }, left: items.slice(count) }
}

/** The subscription cut into batches, bounded by events and by the entries in them. */
export async function* batchesRead<Event>(
  subscription: Subscription,
  reading: Reading<Event>,
): AsyncGenerator<Taken<Event>> {
  for await (const items of subscription) {
    let left = items
    while (left.length > 0) {
      const next = await take(left, reading)
      left = next.left
      yield next.taken
    }
  }
}

/** Batches of so many entries at most, and what the last event brings past that. */
export const batchesOf = (
  subscription: Subscription,
  entriesMax = batchEntriesMax,
): AsyncGenerator<Taken> => batchesRead(subscription, { ...decoding, entriesMax })

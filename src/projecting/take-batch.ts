import { setImmediate as turn } from 'node:timers/promises'
import { batchEntriesMax, batchEventsMax, entriesATurnMax } from '../../protocol/limits.ts'
import type { Followed, Subscription } from '../store/event-store.ts'
import { type Decoded, decode } from './decode.ts'

/** What the log brought: its events, and how far it was read. */
export type Taken = {
  readonly decoded: readonly Decoded[]
  readonly to: bigint | undefined
  /** Whether the end of the log was reached. */
  readonly caughtUp: boolean
}

const entriesOf = (decoded: Decoded): number =>
  decoded.kind === 'observed' ? decoded.entries.length : 1

/** What the log brought, until it is enough for a batch; reading it holds up nobody else in this thread. */
const take = async (
  items: readonly Followed[],
  entriesMax: number,
): Promise<{ taken: Taken; left: readonly Followed[] }> => {
  const decoded: Decoded[] = []
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
      const one = decode(item.event)
      decoded.push(one)
      entries += entriesOf(one)
      to = item.event.position
    }
  }
  return { taken: { decoded, to, caughtUp }, left: items.slice(count) }
}

/** The subscription cut into batches, bounded by events and by the entries in them. */
export async function* batchesOf(
  subscription: Subscription,
  entriesMax = batchEntriesMax,
): AsyncGenerator<Taken> {
  for await (const items of subscription) {
    let left = items
    while (left.length > 0) {
      const next = await take(left, entriesMax)
      left = next.left
      yield next.taken
    }
  }
}

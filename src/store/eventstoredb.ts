import { EventStoreDBClient } from '@eventstore/db-client'
import { appendMsMax, readPageEventsMax } from '../../protocol/limits.ts'
import { openAppends } from './appends.ts'
import type { EventStore, StoredEvent } from './event-store.ts'
import { widenWindows } from './flow-control.ts'
import { unavailable } from './responses.ts'
import { readPage } from './stream-page.ts'
import { subscribeToLog } from './subscription.ts'

const readWhole =
  (client: EventStoreDBClient) =>
  async (stream: string, from = 0): Promise<readonly StoredEvent[]> => {
    const events: StoredEvent[] = []
    for (;;) {
      const next = events.at(-1)?.revision
      const page = await readPage(client, stream, {
        from: next === undefined ? from : next + 1,
        count: readPageEventsMax,
        backwards: false,
      })
      events.push(...page)
      if (page.length < readPageEventsMax) return events
    }
  }

const setNewest =
  (client: EventStoreDBClient) =>
  async (stream: string, count: number): Promise<void> => {
    try {
      await client.setStreamMetadata(stream, { maxCount: count }, { deadline: appendMsMax })
    } catch (error) {
      throw unavailable(`metadata of ${stream}`, error)
    }
  }

/** The adapter to EventStoreDB's gRPC protocol, whichever server speaks it. `url` is an `esdb://` connection string. */
export const connectEventStore = (url: string): EventStore => {
  widenWindows()
  const client = EventStoreDBClient.connectionString(url)
  return {
    append: openAppends(client),
    readStream: readWhole(client),
    readLast: async (stream) =>
      (await readPage(client, stream, { from: 'end', count: 1, backwards: true }))[0],
    readPage: (stream, { from, count, order }) => {
      const edge = order === 'asc' ? 'start' : 'end'
      return readPage(client, stream, { from: from ?? edge, count, backwards: order === 'desc' })
    },
    keepNewest: setNewest(client),
    subscribe: ({ prefixes, from }) => subscribeToLog(client, prefixes, from),
    holdsAny: async (prefixes) => {
      const subscription = subscribeToLog(client, prefixes, 'start')
      try {
        for await (const items of subscription) {
          if (items.some(({ kind }) => kind === 'event')) return true
          if (items.some(({ kind }) => kind === 'caught-up')) return false
        }
        return false
      } finally {
        await subscription.close()
      }
    },
    close: () => client.dispose(),
  }
}

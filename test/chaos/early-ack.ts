import { setTimeout as delay } from 'node:timers/promises'
import { loadConfig } from '../../src/config.ts'
import { createLog } from '../../src/config-log.ts'
import { startLapel } from '../../src/main.ts'
import type { EventStore } from '../../src/store/event-store.ts'
import { connectEventStore } from '../../src/store/eventstoredb.ts'

/**
 * The negative control: a Lapel that says "stored" before it stored. Observations are appended a moment after they were
 * acknowledged. A checker that does not catch this one proves nothing.
 */
const lateMs = 150

const acknowledgeEarly = (store: EventStore): EventStore => {
  const ends = new Map<string, Promise<unknown>>()
  return {
    ...store,
    append: async (stream, events, expected) => {
      if (!stream.startsWith('ingest.')) return store.append(stream, events, expected)
      const before = ends.get(stream) ?? Promise.resolve()
      const appended = before
        .then(() => delay(lateMs))
        .then(() => store.append(stream, events, expected))
      ends.set(
        stream,
        appended.catch(() => {}),
      )
      const revision = (expected === 'no_stream' ? -1 : expected) + events.length
      return { kind: 'appended', position: 0n, revision }
    },
  }
}

const loaded = loadConfig(process.env, process.cwd())
if (loaded.kind === 'faults') throw new Error('the environment is faulty')
const lapel = await startLapel(loaded.config, {
  log: createLog(loaded.config.log, process.stdout),
  connect: (url) => acknowledgeEarly(connectEventStore(url)),
})
process.once('SIGTERM', () => void lapel.stop())

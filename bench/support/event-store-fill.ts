import { randomUUID } from 'node:crypto'
import { openEngine } from '../../src/embedded/event-store/engine.ts'

// `node event-store-fill.ts DIR FROM TO`: fills a log of FROM events, which no store has open, up to TO events, 500 a batch, as an append through
// the store would leave them but without its client, which would take most of the time.

const batch = 500
const batchesAtOnce = 8
const streams = 20_000
const saidEveryMs = 5_000

const [dataDir = '', from = '0', to = '0'] = process.argv.slice(2)
const total = Number(to)

const engine = await openEngine({
  dataDir,
  now: Date.now,
  onBroken: (error) => {
    throw error
  },
  scavenge: { everyMs: 3_600_000, ageMs: 0 },
})

// About 260 bytes of JSON and 75 of metadata, as those of the load.
const data = Buffer.from(JSON.stringify({ text: 'x'.repeat(200), at: '2026-01-01', n: 12_345 }))
const metadata = Buffer.from(JSON.stringify({ correlation: randomUUID(), by: 'bench' }))
const event = () => ({
  id: randomUUID(),
  type: 'measured',
  contentType: 'application/json',
  data,
  metadata,
})

let done = Number(from)
let saidAt = performance.now()
const worker = async () => {
  while (done < total) {
    done += batch
    const events = Array.from({ length: batch }, event)
    await engine.writer.append(`fill-${(done / batch) % streams}`, events, 'any')
    if (performance.now() - saidAt < saidEveryMs) continue
    saidAt = performance.now()
    process.stderr.write(`  filled ${done.toLocaleString('en')} of ${total.toLocaleString('en')}\n`)
  }
}
await Promise.all(Array.from({ length: batchesAtOnce }, worker))
engine.scavenger.stop()
await engine.writer.close()
engine.close()
console.log(JSON.stringify({ events: done }))

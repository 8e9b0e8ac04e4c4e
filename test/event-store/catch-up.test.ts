import { randomUUID } from 'node:crypto'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { eventStorePageBytesMax, eventStorePageEventsMax } from '../../protocol/limits-embedded.ts'
import { connectEventStore } from '../../src/store/eventstoredb.ts'
import { startEventStore } from '../support/event-store.ts'

const test = suite('a filtered subscription that catches up from the disk')
const server = await startEventStore()

type Written = { readonly stream: string; readonly revision: number; readonly text: string }

const store = connectEventStore(server.url)
const log: Written[] = []
const revisions = new Map<string, number>()

const write = async (stream: string, texts: readonly string[]): Promise<void> => {
  const last = revisions.get(stream)
  const events = texts.map((text) => ({
    id: randomUUID(),
    type: 'said',
    data: { text },
    metadata: {},
  }))
  const done = await store.append(stream, events, last ?? 'no_stream')
  assert.is(done.kind, 'appended')
  for (const [i, text] of texts.entries())
    log.push({ stream, revision: (last ?? -1) + 1 + i, text })
  revisions.set(stream, (last ?? -1) + texts.length)
}

const followed = async (prefixes: readonly string[]): Promise<readonly Written[]> => {
  const subscription = store.subscribe({ prefixes, from: 'start' })
  const read: Written[] = []
  for await (const items of subscription) {
    for (const item of items)
      if (item.kind === 'event') {
        const { stream, revision, data } = item.event
        read.push({ stream, revision, text: (data as { text: string }).text })
      }
    if (items.some(({ kind }) => kind === 'caught-up')) break
  }
  await subscription.close()
  return read
}

test('brings each wanted event once, in order and whole, however many stand next to each other', async () => {
  const some = (count: number, what: string) => Array.from({ length: count }, (_, i) => what + i)
  await write('a-1', some(eventStorePageEventsMax, 'a page '))
  await write('b-1', ['between'])
  await write('a-2', some(2 * eventStorePageEventsMax + 1, 'more than two '))
  for (let i = 0; i < 5; i += 1) {
    await write('b-1', [`in turn ${i}`])
    await write('a-1', [`in turn ${i}`])
  }
  const large = 'x'.repeat(eventStorePageBytesMax / 2)
  for (let i = 0; i < 5; i += 1) await write('a-3', [large + i])
  // What was written last stands in memory no more.
  await server.restart()
  for (const prefixes of [['a-'], ['b-'], ['a-', 'b-'], ['a-3'], ['c-']])
    assert.equal(
      await followed(prefixes),
      log.filter(({ stream }) => prefixes.some((prefix) => stream.startsWith(prefix))),
      prefixes.join(),
    )
})

test.after(async () => {
  await store.close()
  await server.stop()
})
test.run()

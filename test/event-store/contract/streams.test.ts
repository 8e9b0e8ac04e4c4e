import { randomUUID } from 'node:crypto'
import {
  type AppendToStreamOptions,
  type EventData,
  EventStoreDBClient,
  jsonEvent,
  type ReadStreamOptions,
  StreamDeletedError,
  StreamNotFoundError,
  streamNameFilter,
  WrongExpectedVersionError,
} from '@eventstore/db-client'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { temporaryFolder } from '../../support/temporary-folder.ts'
import { run } from '../running.ts'

// What Lapel and others lean on, through the client's public API alone: against the embedded store, or against the one that
// EVENTSTORE_URL names. Each test's name is the rule. Streams have names of their own, so that any log will do.

const given = process.env['EVENTSTORE_URL']
const contract = suite(
  `contract of streams (${given === undefined ? 'embedded' : 'EVENTSTORE_URL'})`,
)

const folder = await temporaryFolder()
const server = given === undefined ? await run(folder.path) : undefined
const client = EventStoreDBClient.connectionString(given ?? server?.url ?? '')

contract.after(async () => {
  await client.dispose()
  await server?.end('SIGTERM')
  await folder.remove()
})

const newStream = () => `contract-${randomUUID()}`
const event = (n = 0, id: string = randomUUID()) => jsonEvent({ id, type: 'counted', data: { n } })
const events = (count: number) => Array.from({ length: count }, (_, n) => event(n))
const append = (stream: string, what: EventData | EventData[], options?: AppendToStreamOptions) =>
  client.appendToStream(stream, what, options)
const failure = (work: Promise<unknown>) =>
  work.then(
    () => undefined,
    (error: unknown) => error,
  )

const revisions = async (stream: string, options?: ReadStreamOptions): Promise<number[]> => {
  const found: number[] = []
  for await (const { event: one } of client.readStream(stream, options ?? {}))
    found.push(Number(one?.revision))
  return found
}

contract('revisions of a stream begin at 0 and follow each other', async () => {
  const stream = newStream()
  assert.is((await append(stream, events(3))).nextExpectedRevision, 2n)
  assert.is((await append(stream, event())).nextExpectedRevision, 3n)
  assert.equal(await revisions(stream), [0, 1, 2, 3])
})

contract(
  'an append at another revision than expected is refused with the one there is',
  async () => {
    const stream = newStream()
    await append(stream, events(2))
    for (const expectedRevision of ['no_stream', 0n, 5n] as const) {
      const error = await failure(append(stream, event(), { expectedRevision }))
      assert.instance(error, WrongExpectedVersionError)
      assert.is(Number((error as WrongExpectedVersionError).actualVersion), 1)
    }
    assert.equal(await revisions(stream), [0, 1])
  },
)

contract('stream_exists asks for events or metadata', async () => {
  const stream = newStream()
  const options = { expectedRevision: 'stream_exists' } as const
  assert.instance(await failure(append(stream, event(), options)), WrongExpectedVersionError)
  await client.setStreamMetadata(stream, { maxCount: 10 })
  assert.ok((await append(stream, event(), options)).success)
})

contract('an append is whole or not at all', async () => {
  const stream = newStream()
  const tooBig = [event(), jsonEvent({ type: 'big', data: { text: 'x'.repeat(1_048_576) } })]
  assert.instance(await failure(append(stream, tooBig)), Error)
  assert.instance(await failure(revisions(stream)), StreamNotFoundError)
})

contract('a repeat at an exact revision is the first outcome, whatever came after', async () => {
  const stream = newStream()
  const first = events(2)
  const options = { expectedRevision: 'no_stream' } as const
  const once = await append(stream, first, options)
  await append(stream, events(3))
  const again = await append(stream, first, options)
  assert.equal(
    [again.nextExpectedRevision, again.position],
    [once.nextExpectedRevision, once.position],
  )
  assert.equal(await revisions(stream), [0, 1, 2, 3, 4])
})

contract('a stream is read both ways, both ends and the given revision included', async () => {
  const stream = newStream()
  await append(stream, events(5))
  assert.equal(await revisions(stream, { fromRevision: 2n }), [2, 3, 4])
  assert.equal(await revisions(stream, { direction: 'backwards', fromRevision: 2n }), [2, 1, 0])
  assert.equal(
    await revisions(stream, { direction: 'backwards', fromRevision: 'end', maxCount: 1 }),
    [4],
  )
})

contract('$maxCount and $tb hide at read time', async () => {
  const stream = newStream()
  await append(stream, events(6))
  await client.setStreamMetadata(stream, { maxCount: 2 })
  assert.equal(await revisions(stream), [4, 5])
  await client.setStreamMetadata(stream, { truncateBefore: 3 })
  assert.equal(await revisions(stream), [3, 4, 5])
})

contract(
  'a deleted stream is not found; the next append shows it again and its revisions go on',
  async () => {
    const stream = newStream()
    await append(stream, events(2))
    await client.deleteStream(stream)
    assert.instance(await failure(revisions(stream)), StreamNotFoundError)
    assert.is(
      (await append(stream, event(), { expectedRevision: 'no_stream' })).nextExpectedRevision,
      2n,
    )
    assert.equal(await revisions(stream), [2])
  },
)

contract('a tombstoned stream is closed for ever', async () => {
  const stream = newStream()
  await append(stream, event())
  await client.tombstoneStream(stream)
  assert.instance(await failure(revisions(stream)), StreamDeletedError)
  assert.instance(await failure(append(stream, event())), StreamDeletedError)
})

contract('positions rise with every append, over all streams', async () => {
  const positions: bigint[] = []
  for (let n = 0; n < 5; n += 1)
    positions.push((await append(newStream(), event())).position?.commit ?? 0n)
  assert.equal(
    positions,
    [...positions].sort((a, b) => Number(a - b)),
  )
  assert.is(new Set(positions).size, 5)
})

contract(
  'a subscription to all begins behind the given position and goes on with what is written',
  async () => {
    const prefix = newStream()
    const first = await append(`${prefix}-1`, event(1))
    await append(`${prefix}-2`, event(2))
    const at = first.position?.commit ?? 0n
    const seen: unknown[] = []
    const subscription = client.subscribeToAll({
      fromPosition: { commit: at, prepare: at },
      filter: streamNameFilter({ prefixes: [prefix] }),
    })
    const third = new Promise<void>((resolve, reject) => {
      subscription.on('error', reject).on('data', ({ event: one }) => {
        seen.push((one?.data as { n?: number } | undefined)?.n)
        if (seen.length === 2) resolve()
      })
    })
    await new Promise((resolve) => subscription.once('caughtUp', resolve))
    await append(`${prefix}-3`, event(3))
    await third
    await subscription.unsubscribe()
    assert.equal(seen, [2, 3])
  },
)

contract('a subscription to a stream that is not there waits for it', async () => {
  const stream = newStream()
  const subscription = client.subscribeToStream(stream)
  const first = new Promise<number>((resolve, reject) => {
    subscription.on('error', reject).on('data', ({ event: one }) => resolve(Number(one?.revision)))
  })
  await new Promise((resolve) => subscription.once('caughtUp', resolve))
  await append(stream, event())
  assert.is(await first, 0)
  await subscription.unsubscribe()
})

contract('links are resolved where it is asked for', async () => {
  const [stream, links] = [newStream(), newStream()]
  await append(stream, event(7))
  await append(links, {
    ...jsonEvent({ type: '$>', data: {} }),
    contentType: 'application/octet-stream',
    data: Buffer.from(`0@${stream}`),
  } as unknown as EventData)
  for await (const { event: one, link } of client.readStream(links, { resolveLinkTos: true })) {
    assert.is(one?.streamId, stream)
    assert.is(link?.streamId, links)
  }
})

contract.run()

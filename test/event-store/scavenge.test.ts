import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import {
  type AllStreamResolvedEvent,
  binaryEvent,
  EventStoreDBClient,
  jsonEvent,
  StreamDeletedError,
  StreamNotFoundError,
  WrongExpectedVersionError,
} from '@eventstore/db-client'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { type EventStoreServer, startEventStore } from '../../src/embedded/event-store/server.ts'
import { type TemporaryFolder, temporaryFolder } from '../support/temporary-folder.ts'
import { until } from '../support/until.ts'
import { operationsOf, type ScavengeClient } from './operations-client.ts'

type Stage = {
  folder: TemporaryFolder
  server: EventStoreServer
  client: EventStoreDBClient
  operations: ScavengeClient
  clock: { ms: number }
}

const scavenge = suite<Stage>('scavenge')
const never = { everyMs: 3_600_000, ageMs: 0 }

const open = async (stage: Stage, retention: { everyMs: number; ageMs: number }) => {
  stage.server = await startEventStore({
    dataDir: stage.folder.path,
    host: '127.0.0.1',
    port: 0,
    now: () => stage.clock.ms,
    onBroken: (error) => assert.unreachable(String(error)),
    scavenge: retention,
  })
  stage.client = EventStoreDBClient.connectionString(stage.server.url)
  stage.operations = operationsOf(stage.server.port)
}

const close = async ({ server, client, operations }: Stage) => {
  operations.close()
  await client.dispose()
  await server.close()
}

const reopen = async (stage: Stage, retention = never) => {
  await close(stage)
  await open(stage, retention)
}

scavenge.before.each(async (stage) => {
  stage.folder = await temporaryFolder()
  stage.clock = { ms: Date.now() }
  await open(stage, never)
})
scavenge.after.each(async (stage) => {
  await close(stage)
  await stage.folder.remove()
})

// Deadlines are absolute: one that outlasts the steps of the clock.
const patient = { deadline: 600_000 }

const event = (n: number) => jsonEvent({ type: 'a', data: { n } })
const events = (count: number) => Array.from({ length: count }, (_, n) => event(n))

const run = async ({ operations, client }: Stage) => {
  const { id } = await operations.start()
  await until(
    async () => {
      // Read to its end: a read that is broken off stays open.
      const types: (string | undefined)[] = []
      for await (const { event: one } of client.readStream(`$scavenges-${id}`))
        types.push(one?.type)
      return types.includes('$scavengeCompleted')
    },
    { what: 'the end of the scavenge' },
  )
}

/** `revision@stream` of all events but those of the system's own streams. */
const all = async (client: EventStoreDBClient, fromPosition?: bigint): Promise<string[]> => {
  const found: string[] = []
  const from =
    fromPosition === undefined ? 'start' : { commit: fromPosition, prepare: fromPosition }
  const reading = client.readAll({ fromPosition: from })
  for await (const { event: one } of reading)
    if (one && !one.streamId.includes('$scavenges')) found.push(`${one.revision}@${one.streamId}`)
  return found
}

const revisions = async (client: EventStoreDBClient, stream: string): Promise<number[]> => {
  const found: number[] = []
  for await (const { event: one } of client.readStream(stream)) found.push(Number(one?.revision))
  return found
}

scavenge('what $maxCount and $tb hide is gone, and revisions go on', async (stage) => {
  const { client } = stage
  await client.appendToStream('counted', events(10))
  await client.appendToStream('cut', events(5))
  await client.setStreamMetadata('counted', { maxCount: 3 })
  await client.setStreamMetadata('cut', { truncateBefore: 2 })
  await client.setStreamMetadata('cut', { truncateBefore: 4 })
  await run(stage)
  const left = ['7@counted', '8@counted', '9@counted', '4@cut', '0@$$counted', '1@$$cut']
  assert.equal(await all(client), left)
  await reopen(stage)
  assert.equal(await all(stage.client), left)
  assert.equal(await revisions(stage.client, 'counted'), [7, 8, 9])
  const { nextExpectedRevision } = await stage.client.appendToStream('counted', event(0), {
    expectedRevision: 9n,
  })
  assert.is(nextExpectedRevision, 10n)
})

scavenge('what $maxAge expires is gone; the last event stays, hidden', async (stage) => {
  const { client, clock } = stage
  await client.setStreamMetadata('aged', { maxAge: 60 })
  await client.appendToStream('aged', events(3), patient)
  clock.ms += 30_000
  await client.appendToStream('aged', events(3), patient)
  clock.ms += 40_000
  await run(stage)
  assert.equal(await all(client), ['0@$$aged', '3@aged', '4@aged', '5@aged'])
  clock.ms += 40_000
  await run(stage)
  assert.equal(await all(client), ['0@$$aged', '5@aged'])
  assert.equal(await revisions(client, 'aged'), [])
  const { nextExpectedRevision } = await client.appendToStream('aged', event(6), patient)
  assert.is(nextExpectedRevision, 6n)
})

scavenge(
  'of a deleted stream the last event stays, of a tombstoned one the tombstone',
  async (stage) => {
    const { client } = stage
    await client.appendToStream('soft', events(4))
    await client.deleteStream('soft')
    await client.appendToStream('hard', events(4))
    await client.tombstoneStream('hard')
    await run(stage)
    assert.equal(await all(client), ['3@soft', '0@$$soft', '9223372036854775807@hard'])
    const fault = await revisions(client, 'soft').catch((error: unknown) => error)
    assert.instance(fault, StreamNotFoundError)
    await reopen(stage)
    const again = await revisions(stage.client, 'hard').catch((error: unknown) => error)
    assert.instance(again, StreamDeletedError)
    await stage.client.appendToStream('soft', event(4), { expectedRevision: 'no_stream' })
    assert.equal(await revisions(stage.client, 'soft'), [4])
  },
)

scavenge('whoever stands at an event that was scavenged goes on from there', async (stage) => {
  const { client } = stage
  const positions: bigint[] = []
  for (let n = 0; n < 6; n += 1) {
    const { position } = await client.appendToStream('kept', event(n))
    positions.push(position?.commit ?? 0n)
  }
  await client.setStreamMetadata('kept', { maxCount: 2 })
  await run(stage)
  const from = positions[1] ?? 0n
  assert.equal(await all(client, from), ['4@kept', '5@kept', '0@$$kept'])
  const seen: (string | undefined)[] = []
  const subscription = client.subscribeToAll({ fromPosition: { commit: from, prepare: from } })
  const caughtUp = new Promise((resolve, reject) => {
    subscription.once('caughtUp', resolve).once('error', reject)
  })
  subscription.on('data', ({ event: one }: AllStreamResolvedEvent) => seen.push(one?.streamId))
  await caughtUp
  await subscription.unsubscribe()
  assert.equal(seen.slice(0, 3), ['kept', 'kept', '$$kept'])
  // Past what was scavenged only an event's own position is one.
  const last = positions[5] ?? 0n
  const fault = await all(client, last + 1n).catch((error: unknown) => error)
  assert.instance(fault, Error)
})

scavenge('a repeat at an exact revision no longer finds what was scavenged', async (stage) => {
  const { client } = stage
  const first = event(0)
  await client.appendToStream('repeated', first, { expectedRevision: 'no_stream' })
  await client.appendToStream('repeated', events(3))
  await client.setStreamMetadata('repeated', { maxCount: 1 })
  const repeat = () => client.appendToStream('repeated', first, { expectedRevision: 'no_stream' })
  assert.is((await repeat()).success, true)
  await run(stage)
  assert.instance(await repeat().catch((error: unknown) => error), WrongExpectedVersionError)
})

const pages = ({ folder }: Stage): number => {
  const db = new DatabaseSync(join(folder.path, 'events.db'), { readOnly: true })
  const count = Number(db.prepare('pragma page_count').get()?.['page_count'])
  db.close()
  return count
}

scavenge('in the background, and the space is given back; the young stay', async (stage) => {
  const data = Buffer.alloc(200_000)
  await stage.client.setStreamMetadata('big', { maxCount: 1 })
  for (let n = 0; n < 60; n += 1)
    await stage.client.appendToStream('big', binaryEvent({ type: 'a', data }))
  const before = pages(stage)
  await reopen(stage, { everyMs: 10, ageMs: 60_000 })
  const young = await all(stage.client)
  assert.is(young.length, 61)
  stage.clock.ms += 60_001
  await until(async () => (await all(stage.client)).length === 2, { what: 'two events' })
  // Up to 2 MiB of free pages are kept for what comes next.
  await until(() => pages(stage) < before / 3, { what: 'a smaller file' })
  assert.equal(await revisions(stage.client, 'big'), [59])
})

scavenge('one at a time, stopped by its id; the rest of Operations is elsewhere', async (stage) => {
  const { operations } = stage
  await stage.client.appendToStream('many', events(900))
  await stage.client.setStreamMetadata('many', { maxCount: 1 })
  const first = await operations.start()
  const second = await operations.start()
  assert.equal([first.result, second.result], [0, 1])
  assert.is(second.id, first.id)
  assert.is((await operations.stop(first.id)).result, 2)
  const unknown = await operations.stop('nobody').catch((error: unknown) => error)
  assert.is((unknown as { code: number }).code, 5)
  const elsewhere = await operations.mergeIndexes().catch((error: unknown) => error)
  assert.match(String(elsewhere), /UNIMPLEMENTED.*EVENTSTORE_URL/)
})

scavenge.run()

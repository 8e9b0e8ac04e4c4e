import { randomUUID } from 'node:crypto'
import { type AppendResult, EventStoreDBClient, jsonEvent, START } from '@eventstore/db-client'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { type EventStoreServer, startEventStore } from '../../src/embedded/event-store/server.ts'
import { type TemporaryFolder, temporaryFolder } from '../support/temporary-folder.ts'
import { until } from '../support/until.ts'
import { operationsOf } from './operations-client.ts'

type Clock = { ms: number }
type Stage = {
  folder: TemporaryFolder
  clock: Clock
  server: EventStoreServer
  client: EventStoreDBClient
}

const clocks = suite<Stage>('a clock that jumps back')
const hourMs = 3_600_000

const startOn = ({ folder, clock }: Pick<Stage, 'folder' | 'clock'>) =>
  startEventStore({
    dataDir: folder.path,
    host: '127.0.0.1',
    port: 0,
    now: () => clock.ms,
    onBroken: (error) => assert.unreachable(String(error)),
  })

clocks.before.each(async (stage) => {
  stage.folder = await temporaryFolder()
  stage.clock = { ms: Date.now() }
  stage.server = await startOn(stage)
  stage.client = EventStoreDBClient.connectionString(stage.server.url)
})
clocks.after.each(async ({ client, server, folder }) => {
  await client.dispose()
  await server.close()
  await folder.remove()
})

const event = (id: string = randomUUID()) => jsonEvent({ id, type: 'a', data: {} })
const commitOf = ({ position }: AppendResult) => position?.commit ?? 0n

const revisions = async (client: EventStoreDBClient, stream: string) => {
  const found: number[] = []
  for await (const { event: one } of client.readStream(stream)) found.push(Number(one?.revision))
  return found
}

const scavenge = async ({ server, client }: Stage) => {
  const operations = operationsOf(server.port)
  const { id } = await operations.start()
  await until(async () => (await revisions(client, `$scavenges-${id}`)).length === 2, {
    what: 'the end of the scavenge',
  })
  operations.close()
}

clocks('positions and revisions go on, and a live subscription with them', async (stage) => {
  const { client, clock } = stage
  const seen: { readonly revision: number; readonly created: number }[] = []
  const subscription = client.subscribeToStream('s', { fromRevision: START })
  subscription.on('error', () => {})
  subscription.on('data', ({ event: one }) =>
    seen.push({ revision: Number(one?.revision), created: Number(one?.created) }),
  )
  const positions: bigint[] = []
  const times: number[] = []
  for (const jumpMs of [0, -5 * hourMs, -24 * hourMs, 2 * hourMs]) {
    clock.ms += jumpMs
    times.push(clock.ms)
    positions.push(commitOf(await client.appendToStream('s', event())))
  }
  assert.equal(
    positions,
    [...positions].sort((a, b) => Number(a - b)),
  )
  assert.is(new Set(positions).size, 4)
  await until(() => seen.length === 4, { what: 'four live events' })
  assert.equal(
    seen.map(({ revision }) => revision),
    [0, 1, 2, 3],
  )
  assert.equal(
    seen.map(({ created }) => created),
    times,
  )
  await subscription.unsubscribe()
  const inLog: string[] = []
  for await (const { event: one } of client.readAll())
    if (one?.streamId === 's') inLog.push(String(one.position.commit))
  assert.equal(inLog, positions.map(String))
})

clocks('a start with an earlier clock goes on behind the newest position', async (stage) => {
  const { client, clock } = stage
  const before = commitOf(await client.appendToStream('s', event()))
  await client.dispose()
  await stage.server.close()
  clock.ms -= 9 * hourMs
  stage.server = await startOn(stage)
  stage.client = EventStoreDBClient.connectionString(stage.server.url)
  const appended = await stage.client.appendToStream('s', event(), { expectedRevision: 0n })
  assert.ok(commitOf(appended) > before)
  assert.equal(await revisions(stage.client, 's'), [0, 1])
})

clocks(
  '$maxAge hides what is old by the clock as it is, and a scavenge takes no more',
  async (stage) => {
    const { client, clock } = stage
    const start = clock.ms
    await client.setStreamMetadata('s', { maxAge: 3_600 })
    await client.appendToStream('s', event())
    clock.ms = start - 5 * hourMs
    // From the future, and young: both are there.
    await client.appendToStream('s', event())
    assert.equal(await revisions(client, 's'), [0, 1])
    clock.ms = start + hourMs / 2
    assert.equal(await revisions(client, 's'), [0])
    await scavenge(stage)
    assert.equal(await revisions(client, 's'), [0])
    clock.ms = start + 2 * hourMs
    assert.equal(await revisions(client, 's'), [])
    // Deadlines are times of day: by a clock ahead of the client's they have passed.
    clock.ms = start
    const { nextExpectedRevision } = await client.appendToStream('s', event())
    assert.is(nextExpectedRevision, 2n)
  },
)

clocks(
  'a repeat is the first outcome, at an exact revision and at any',
  async ({ client, clock }) => {
    const [exact, any] = [event(), event()]
    const first = await client.appendToStream('exact', exact, { expectedRevision: 'no_stream' })
    const second = await client.appendToStream('any', any)
    clock.ms -= 7 * hourMs
    await client.appendToStream('exact', event(), { expectedRevision: 0n })
    const again = await client.appendToStream('exact', exact, { expectedRevision: 'no_stream' })
    assert.is(commitOf(again), commitOf(first))
    assert.is(commitOf(await client.appendToStream('any', any)), commitOf(second))
    assert.equal(await revisions(client, 'exact'), [0, 1])
    assert.equal(await revisions(client, 'any'), [0])
  },
)

clocks.run()

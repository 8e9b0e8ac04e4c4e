import { randomUUID } from 'node:crypto'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import {
  type EventData,
  EventStoreDBClient,
  jsonEvent,
  StreamDeletedError,
} from '@eventstore/db-client'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { crashLoop } from './crash-loop.ts'
import { run } from './running.ts'

const durability = suite<{ folder: string }>('durability')

durability.before.each(async (context) => {
  context.folder = await mkdtemp(join(tmpdir(), 'lapel-test-'))
})
durability.after.each(async ({ folder }) => rm(folder, { recursive: true, force: true }))

durability('kill -9 under 32 writers loses, moves, doubles and halves nothing', async () => {
  const { rounds, acknowledged, ...faults } = await crashLoop(4)
  assert.is(rounds, 4)
  assert.ok(acknowledged > 100)
  assert.equal(faults, { lost: 0, moved: 0, doubled: 0, half: 0 })
})

durability('a second instance on the same folder is refused', async ({ folder }) => {
  const first = await run(folder)
  try {
    await run(folder)
    assert.unreachable()
  } catch (error) {
    assert.match(String(error), /is in use by another event store/)
  } finally {
    await first.end('SIGTERM')
  }
})

durability('a newer format is refused', async ({ folder }) => {
  const first = await run(folder)
  await first.end('SIGTERM')
  const db = new DatabaseSync(join(folder, 'events.db'))
  db.exec('pragma user_version = 99')
  db.close()
  try {
    await run(folder)
    assert.unreachable()
  } catch (error) {
    assert.match(String(error), /has format 99, and this version reads up to 2/)
  }
})

durability('a file that is no log is named, and left as it was', async ({ folder }) => {
  const file = join(folder, 'events.db')
  const garbage = Buffer.from('no database, but somebody\u2019s '.repeat(500))
  await writeFile(file, garbage)
  try {
    await run(folder)
    assert.unreachable()
  } catch (error) {
    assert.match(String(error), `${file} is damaged, or no event store's`)
    assert.match(String(error), 'put a backup in its place, or choose another data folder')
  }
  assert.equal(await readFile(file), garbage)
})

durability(
  'an append of no events has a position of its own, below that of the next event, also after a restart',
  async ({ folder }) => {
    const stage = async (work: (client: EventStoreDBClient) => Promise<bigint>) => {
      const server = await run(folder)
      const client = EventStoreDBClient.connectionString(server.url)
      const position = await work(client)
      await client.dispose()
      await server.end('SIGTERM')
      return position
    }
    const append = async (client: EventStoreDBClient, events: readonly EventData[]) => {
      const { position } = await client.appendToStream('one', [...events])
      return position?.commit ?? 0n
    }
    const event = jsonEvent({ type: 'happened', data: {} })
    const emptied = await stage(async (client) => {
      const first = await append(client, [event])
      const next = await append(client, [])
      assert.ok(next > first)
      for (let i = 0; i < 100; i += 1) await append(client, [])
      return append(client, [])
    })
    assert.ok((await stage((client) => append(client, [{ ...event, id: randomUUID() }]))) > emptied)
  },
)

// As the first format was; it never changes.
const firstFormat = `
  create table streams (id integer primary key, name text not null unique);
  create table events (
    position integer primary key, stream integer not null references streams (id), revision integer not null,
    id blob not null, type text not null, content_type text not null, ticks integer not null,
    data blob not null, metadata blob not null
  );
  create unique index events_of_stream on events (stream, revision);
  pragma user_version = 1;
  insert into streams values (1, '$$$scavenges'), (2, 'old'), (3, 'closed');
  insert into events values
    (92, 1, 0, zeroblob(15) || x'01', '$metadata', 'application/json', 1767225600000, x'7b7d', x''),
    (200, 2, 0, x'00112233445566778899aabbccddeeff', 'a', 'application/json', 1767225600000, cast('{"n":1}' as blob), x''),
    (300, 3, -2, zeroblob(15) || x'02', '$streamDeleted', 'application/octet-stream', 1767225600000, x'', x'');
`

durability(
  'an older format is brought up to date, and nothing of it is lost',
  async ({ folder }) => {
    const db = new DatabaseSync(join(folder, 'events.db'))
    db.exec(firstFormat)
    db.close()
    const server = await run(folder)
    const client = EventStoreDBClient.connectionString(server.url)
    const found = []
    for await (const { event } of client.readStream('old')) found.push(event)
    assert.is(found.length, 1)
    assert.is(found[0]?.id, '00112233-4455-6677-8899-aabbccddeeff')
    assert.equal(found[0]?.data, { n: 1 })
    assert.equal(found[0]?.created, new Date('2026-01-01T00:00:00.000Z'))
    const next = await client.appendToStream('old', jsonEvent({ type: 'a', data: {} }))
    assert.is(next.nextExpectedRevision, 1n)
    const closed = await client.appendToStream('closed', []).catch((error: Error) => error)
    assert.instance(closed, StreamDeletedError)
    await client.dispose()
    await server.end('SIGTERM')
  },
)

durability.run()

import { randomUUID } from 'node:crypto'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { EventStoreDBClient, jsonEvent, StreamDeletedError } from '@eventstore/db-client'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { run } from './running.ts'

const rounds = 4
const writers = 16
const durability = suite<{ folder: string }>('durability')

durability.before.each(async (context) => {
  context.folder = await mkdtemp(join(tmpdir(), 'lapel-test-'))
})
durability.after.each(async ({ folder }) => rm(folder, { recursive: true, force: true }))

type Log = Map<string, string[]>

const write = async (client: EventStoreDBClient, stream: string, log: Log) => {
  const acknowledged = log.get(stream) ?? []
  log.set(stream, acknowledged)
  for (;;) {
    const id = randomUUID()
    try {
      await client.appendToStream(stream, jsonEvent({ id, type: 'a', data: {} }))
      acknowledged.push(id)
    } catch {
      return
    }
  }
}

const idsOf = (folder: string, stream: string): string[] => {
  const db = new DatabaseSync(join(folder, 'events.db'), { readOnly: true })
  const rows = db
    .prepare(
      `select lower(hex(e.id)) as id, e.revision from events e join streams s on s.id = e.stream
       where s.name = ? order by e.position`,
    )
    .all(stream)
  db.close()
  assert.equal(
    rows.map((row) => row['revision']),
    rows.map((_, i) => i),
    'revisions without a gap, in order of position',
  )
  return rows.map((row) => String(row['id']))
}

durability(
  'kill -9 under writers loses, moves and doubles nothing acknowledged',
  async ({ folder }) => {
    const log: Log = new Map()
    for (let round = 0; round < rounds; round += 1) {
      const server = await run(folder)
      const client = EventStoreDBClient.connectionString(server.url)
      const streams = Array.from({ length: writers }, (_, i) => `w${i}`)
      const all = streams.map((stream) => write(client, stream, log))
      const enough = (round + 1) * 400
      while ([...log.values()].reduce((sum, ids) => sum + ids.length, 0) < enough)
        await new Promise((resolve) => setTimeout(resolve, 5))
      await server.end('SIGKILL')
      await Promise.all(all)
      await client.dispose()
    }
    for (const [stream, acknowledged] of log) {
      const stored = idsOf(folder, stream)
      const wanted = acknowledged.map((id) => id.replaceAll('-', ''))
      assert.is(new Set(stored).size, stored.length, 'no event twice')
      const kept = new Set(wanted)
      assert.equal(
        stored.filter((id) => kept.has(id)),
        wanted,
        'all that was acknowledged, in order',
      )
    }
  },
)

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

import { randomUUID } from 'node:crypto'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { EventStoreDBClient, jsonEvent } from '@eventstore/db-client'
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
    assert.match(String(error), /has format 99, and this version reads up to 1/)
  }
})

durability.run()

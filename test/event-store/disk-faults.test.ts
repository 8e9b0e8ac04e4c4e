import type { DatabaseSync } from 'node:sqlite'
import { binaryEvent, EventStoreDBClient, jsonEvent } from '@eventstore/db-client'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { type Databases, openDatabases } from '../../src/embedded/event-store/database.ts'
import { type EventStoreServer, startEventStore } from '../../src/embedded/event-store/server.ts'
import { type TemporaryFolder, temporaryFolder } from '../support/temporary-folder.ts'

type Stage = {
  folder: TemporaryFolder
  server: EventStoreServer
  client: EventStoreDBClient
  files: Databases
  broken: unknown[]
}

const faults = suite<Stage>('faults of the disk')

const start = async (stage: Stage, change: (files: Databases) => Databases) => {
  stage.server = await startEventStore({
    dataDir: stage.folder.path,
    host: '127.0.0.1',
    port: 0,
    now: Date.now,
    onBroken: (error) => stage.broken.push(error),
    open: async (folder) => {
      stage.files = change(await openDatabases(folder))
      return stage.files
    },
  })
  stage.client = EventStoreDBClient.connectionString(stage.server.url)
}

faults.before.each(async (stage) => {
  stage.folder = await temporaryFolder()
  stage.broken = []
})
faults.after.each(async ({ client, server, folder }) => {
  await client.dispose()
  await server.close()
  await folder.remove()
})

const big = () => binaryEvent({ type: 'a', data: Buffer.alloc(50_000, 1) })

const count = async (client: EventStoreDBClient): Promise<number> => {
  let found = 0
  for await (const _ of client.readStream('a')) found += 1
  return found
}

faults('full: appends are UNAVAILABLE, reads go on, and it recovers by itself', async (stage) => {
  await start(stage, (files) => files)
  const { client, files } = stage
  await client.appendToStream('a', big())
  // SQLite's own limit of a file stands in for the disk's: the same error by the same way.
  files.writer.exec('pragma max_page_count = 60')
  let written = 1
  let refusal: unknown
  while (refusal === undefined && written < 100)
    await client.appendToStream('a', big()).then(
      () => {
        written += 1
      },
      (error: unknown) => {
        refusal = error
      },
    )
  assert.ok(written > 1 && written < 20)
  assert.is((refusal as { type?: string }).type, 'unavailable')
  assert.is(await count(client), written)
  const unary = await client
    .appendToStream('a', big(), { credentials: { username: 'a', password: 'b' } })
    .catch((error: { code?: number; type?: string }) => error)
  assert.is((unary as { type?: string }).type, 'unavailable')
  files.writer.exec('pragma max_page_count = 1073741823')
  const { nextExpectedRevision } = await client.appendToStream('a', big())
  assert.is(Number(nextExpectedRevision), written)
  assert.is(await count(client), written + 1)
  assert.equal(stage.broken, [])
})

/** A writer whose COMMIT fails as after an fsync that failed. */
const failing = (writer: DatabaseSync, isArmed: () => boolean): DatabaseSync =>
  new Proxy(writer, {
    get: (target, name) => {
      const member = Reflect.get(target, name)
      if (name !== 'prepare') return typeof member === 'function' ? member.bind(target) : member
      return (sql: string) => {
        const statement = target.prepare(sql)
        if (sql !== 'commit') return statement
        return {
          run: () => {
            if (isArmed()) throw new Error('disk I/O error')
            return statement.run()
          },
        }
      }
    },
  })

faults(
  'an fsync that fails: nothing is acknowledged, and the process is told to end',
  async (stage) => {
    let isArmed = false
    await start(stage, (files) => ({ ...files, writer: failing(files.writer, () => isArmed) }))
    await stage.client.appendToStream('a', jsonEvent({ type: 'a', data: {} }))
    isArmed = true
    const refused = await stage.client
      .appendToStream('a', jsonEvent({ type: 'a', data: {} }))
      .catch((error: unknown) => error)
    assert.instance(refused, Error)
    assert.is(stage.broken.length, 1)
    assert.match(String(stage.broken[0]), /disk I\/O error/)
    isArmed = false
    assert.is(await count(stage.client), 1)
  },
)

faults.run()

import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { copyFile, mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { fileURLToPath } from 'node:url'
import { binaryEvent, EventStoreDBClient, jsonEvent } from '@eventstore/db-client'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { lockDataDir } from '../../src/config-data-dir.ts'
import { runCli } from '../support/run-cli.ts'
import { type TemporaryFolder, temporaryFolder } from '../support/temporary-folder.ts'
import { until } from '../support/until.ts'
import { operationsOf } from './operations-client.ts'
import { type Running, run } from './running.ts'

type Stage = {
  folder: TemporaryFolder
  source: Running
  target: Running
  client: EventStoreDBClient
}

const copy = suite<Stage>('copy')
const bin = fileURLToPath(new URL('../../bin/lapel.js', import.meta.url))

copy.before.each(async (stage) => {
  stage.folder = await temporaryFolder()
  // Where a node keeps its store.
  stage.source = await run(join(stage.folder.path, 'eventstore'))
  stage.target = await run(join(stage.folder.path, 'target'))
  stage.client = EventStoreDBClient.connectionString(stage.source.url)
})
copy.after.each(async ({ folder, source, target, client }) => {
  await client.dispose()
  await source.end('SIGTERM')
  await target.end('SIGTERM')
  await folder.remove()
})

const json = (n: number) => jsonEvent({ type: 'json', data: { n, text: 'ä€😀' }, metadata: { n } })
const binary = (n: number) => binaryEvent({ type: 'binary', data: Buffer.alloc(n, n) })

/** Everything that a log can hold. */
const fill = async (client: EventStoreDBClient) => {
  for (let n = 0; n < 40; n += 1)
    await client.appendToStream(`plain-${n % 7}`, [json(n), binary(n)])
  await client.appendToStream('gone', [json(1), json(2)])
  await client.deleteStream('gone')
  await client.appendToStream('back', [json(1), json(2)])
  await client.deleteStream('back')
  await client.appendToStream('back', [json(3)])
  await client.appendToStream('closed', [json(1)])
  await client.tombstoneStream('closed')
  await client.setStreamMetadata('plain-1', { maxCount: 5, mine: ['x'] })
  await client.appendToStream('links', jsonEvent({ type: '$>', data: {} }))
  for (let n = 0; n < 20; n += 1) await client.appendToStream('newest', json(n))
  await client.setStreamMetadata('newest', { truncateBefore: 15 })
}

type Row = Record<string, unknown>

/** What stands in a log, in order, but for what a store writes of itself; read without the store. */
const rowsOf = ({ folder }: Stage, name: string): Row[] => {
  const db = new DatabaseSync(join(folder.path, name, 'events.db'), { readOnly: true })
  const rows = db
    .prepare(
      `select s.name, e.type, e.content_type, hex(e.id) as id, hex(e.data) as data, hex(e.metadata) as metadata, e.revision
       from events e join streams s on s.id = e.stream where s.name not like '$$$%' and s.name not like '$scavenges%'
       order by e.position`,
    )
    .all()
  db.close()
  return rows
}

const ordinary = (rows: readonly Row[]) => rows.filter(({ name }) => !String(name).startsWith('$$'))
const withoutRevision = (rows: readonly Row[]) =>
  rows.map(({ revision, id, ...row }) => (row['type'] === '$streamDeleted' ? row : { id, ...row }))
/** Metadata that the other store made of itself stands beside the copied one. */
const knownTo = (rows: readonly Row[], source: readonly Row[]) => {
  const ids = new Set(source.map(({ id }) => id))
  return rows.filter(({ id, type }) => ids.has(id) || type === '$streamDeleted')
}

const copying = (stage: Stage, ...more: readonly string[]) =>
  [
    'eventstore',
    'copy',
    '--from',
    stage.source.url,
    '--to',
    stage.target.url,
    '--json',
    ...more,
  ] as const

copy('every event in order, verified; again there is nothing to do', async (stage) => {
  await fill(stage.client)
  const first = await runCli(copying(stage))
  assert.is(first.code, 0, first.stderr)
  const source = rowsOf(stage, 'eventstore')
  const target = knownTo(rowsOf(stage, 'target'), source)
  assert.equal(withoutRevision(target), withoutRevision(source))
  assert.equal(
    ordinary(target).map(({ name, revision }) => [name, revision]),
    ordinary(source).map(({ name, revision }) => [name, revision]),
  )
  const said = JSON.parse(first.stdout)
  assert.equal([said.events, said.written], [source.length, source.length])
  assert.match(said.sha256, /^[0-9a-f]{64}$/)
  const second = JSON.parse((await runCli(copying(stage))).stdout)
  assert.equal(second, { ...said, written: 0 })
})

copy(
  'where a scavenge took the beginning of a stream, revisions begin anew and $tb with them',
  async (stage) => {
    await fill(stage.client)
    const operations = operationsOf(Number(/:(\d+)/.exec(stage.source.url)?.[1]))
    await operations.start()
    operations.close()
    await until(
      () => rowsOf(stage, 'eventstore').filter(({ name }) => name === 'newest').length === 5,
      {
        what: 'the scavenge',
      },
    )
    await stage.client.setStreamMetadata('newest', { truncateBefore: 17 })
    const { code, stderr } = await runCli(copying(stage))
    assert.is(code, 0, stderr)
    const found: unknown[] = []
    await stage.client.dispose()
    stage.client = EventStoreDBClient.connectionString(stage.target.url)
    for await (const { event } of stage.client.readStream('newest'))
      if (event) found.push([Number(event.revision), (event.data as { n: number }).n])
    assert.equal(found, [
      [2, 17],
      [3, 18],
      [4, 19],
    ])
  },
)

copy('killed at any moment it goes on where it was', async (stage) => {
  for (let n = 0; n < 30; n += 1)
    await stage.client.appendToStream(
      `many-${n % 5}`,
      Array.from({ length: 200 }, (_, i) => json(i)),
    )
  for (const at of [300, 1_500, 3_100]) {
    const child = spawn(process.execPath, [bin, ...copying(stage)], { stdio: 'ignore' })
    const exited = once(child, 'exit')
    await until(() => rowsOf(stage, 'target').length >= at, {
      msMax: 60_000,
      what: `${at} events`,
    })
    child.kill('SIGKILL')
    await exited
  }
  const { code, stdout, stderr } = await runCli(copying(stage))
  assert.is(code, 0, stderr)
  assert.is(JSON.parse(stdout).events, 6_000)
  assert.equal(rowsOf(stage, 'target'), rowsOf(stage, 'eventstore'))
})

copy('a store that holds something else is refused', async (stage) => {
  await stage.client.appendToStream('mine', json(1))
  await runCli(copying(stage))
  await stage.client.dispose()
  stage.client = EventStoreDBClient.connectionString(stage.target.url)
  await stage.client.appendToStream('theirs', json(2))
  const { code, stderr } = await runCli(copying(stage))
  assert.is(code, 1)
  assert.match(stderr, /holds events that are not of this one/)
})

copy('it follows a running store, and ends with its last event when that stops', async (stage) => {
  const { folder, source, target, client } = stage
  const locked = await lockDataDir(folder.path)
  if (locked.kind === 'refused') throw new Error(locked.because)
  const none = { admin: 'x', database_url: null, s3_endpoint: null, version: '0' }
  const [http, mqtt] = ['http://127.0.0.1:1', 'mqtt://127.0.0.1:1']
  const pid = process.pid
  await locked.dataDir.writeNode({ ...none, pid, http, mqtt, eventstore_url: source.url })
  let written = 0
  const writing = (async () => {
    for (;;) {
      await client.appendToStream(`live-${written % 3}`, json(written))
      written += 1
    }
  })().catch(() => written)
  const args = [bin, 'eventstore', 'copy', '--to', target.url, '--follow', '--json']
  const env = { ...process.env, LAPEL_DATA: folder.path }
  const child = spawn(process.execPath, args, { env, stdio: ['ignore', 'pipe', 'inherit'] })
  let said = ''
  child.stdout.on('data', (text) => {
    said += text
  })
  const exited = once(child, 'exit')
  await until(() => rowsOf(stage, 'target').length > 50, {
    msMax: 60_000,
    what: 'the first events',
  })
  const stopped = performance.now()
  await source.end('SIGTERM')
  await writing
  assert.equal(await exited, [0, null])
  assert.ok(performance.now() - stopped < 10_000, 'a pause of seconds')
  await locked.dataDir.release()
  const rows = rowsOf(stage, 'eventstore')
  assert.ok(rows.length >= written)
  assert.equal(rowsOf(stage, 'target'), rows)
  assert.is(JSON.parse(said).events, rows.length)
})

copy('a backup of a running store is whole, and starts', async (stage) => {
  await fill(stage.client)
  const file = join(stage.folder.path, 'backup', 'events.db')
  await mkdir(join(stage.folder.path, 'backup'))
  const data = ['--data', join(stage.folder.path, 'eventstore')]
  const made = await runCli(['eventstore', 'backup', file, ...data, '--json'])
  assert.is(made.code, 0, made.stderr)
  const again = await runCli(['eventstore', 'backup', file, ...data])
  assert.is(again.code, 1)
  assert.match(again.stderr, /exists: name a new file/)
  assert.equal(rowsOf(stage, 'backup'), rowsOf(stage, 'eventstore'))
  const restored = await run(join(stage.folder.path, 'backup'))
  await restored.end('SIGTERM')
})

const damages: readonly (readonly [string, string, RegExp])[] = [
  [
    'an event is missing',
    "delete from events where revision = 1 and stream = (select id from streams where name = 'plain-0')",
    /plain-0 holds \d+ events from revision 0/,
  ],
  [
    'a beginning is missing',
    "delete from events where revision = 0 and stream = (select id from streams where name = 'plain-0')",
    /plain-0 holds/,
  ],
  [
    'a position is moved',
    'update events set position = position - 1 where position = (select max(position) from events)',
    /overlaps the one before/,
  ],
  ['a stream is missing', "delete from streams where name = 'plain-3'", /is of no stream/],
]

copy('a log that is whole is found so, and each damage is named', async (stage) => {
  await fill(stage.client)
  await stage.client.dispose()
  await stage.source.end('SIGTERM')
  const verify = (path: string) => runCli(['eventstore', 'verify', path, '--json'])
  const file = join(stage.folder.path, 'eventstore', 'events.db')
  const whole = await verify(file)
  assert.is(whole.code, 0, whole.stdout)
  assert.equal(JSON.parse(whole.stdout).faults, [])
  for (const [what, damage, found] of damages) {
    const damaged = join(stage.folder.path, 'damaged.db')
    await copyFile(file, damaged)
    const db = new DatabaseSync(damaged, { enableForeignKeyConstraints: false })
    db.exec(damage)
    db.close()
    const { code, stdout } = await verify(damaged)
    assert.is(code, 1, what)
    assert.match(JSON.parse(stdout).faults.join(), found, what)
  }
  stage.source = await run(join(stage.folder.path, 'eventstore'))
})

copy.run()

import { randomBytes } from 'node:crypto'
import type { PoolClient } from 'pg'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { allProjections } from '../../projections/all.ts'
import type { LogEvent } from '../../projections/log-event.ts'
import { type DeviceId, newId, type ProjectId } from '../../protocol/ids.ts'
import { instantOf } from '../../protocol/instant.ts'
import { loadCheckpoints, writeBatch } from '../../src/projecting/batch.ts'
import { fingerprint } from '../../src/projecting/fingerprint.ts'
import { RebuiltTables } from '../../src/projecting/rebuilt-tables.ts'
import { bytesOf } from '../../src/projecting/row-bytes.ts'
import { openStage } from '../support/stage.ts'

const test = suite('tables of a rebuild')
const stage = await openStage()
const project = newId('proj_', randomBytes) as ProjectId
const schema = 'rebuilt_tables_test'
const common = { pool: stage.pool, signal: new AbortController().signal }
let position = 0n

const nextAt = () => instantOf(Number(position) * 1_000)

const deviceEvent = (subject: DeviceId, type: string, data: object, opened = {}): LogEvent => {
  position += 1n
  const revision = Number(position)
  const about = { project, subject, opened, at: nextAt(), revision, position }
  return { kind: 'device', event: { type, data }, ...about } as LogEvent
}

type Story = { readonly id: DeviceId; readonly token: string; readonly binding: string }

const story = (): Story => ({
  id: newId('dev_', randomBytes),
  token: randomBytes(6).toString('hex'),
  binding: newId('bind_', randomBytes),
})

// What COPY escapes, what looks like its null, and a JSON text where an array may stand.
const awkward = { name: 'tab\tback\\slash\nline\r\\N "é"', metadata: { '\\N': 'a\tb\\n' } }

const begun = ({ id, token, binding }: Story): readonly LogEvent[] => {
  const hmac = 'h'.repeat(43)
  return [
    deviceEvent(id, 'DeviceRegistered', { device_id: id, model: 'pin', generation: 1 }, awkward),
    deviceEvent(id, 'DeviceBound', { binding_id: binding, end_user_id: 'eu_1' }),
    deviceEvent(id, 'DeviceTokenIssued', { token_id: token, hmac, pepper_kid: 'k' }),
  ]
}

const beats = (ids: readonly DeviceId[], seq: number): LogEvent => {
  position += 1n
  const entries = ids.map((d, i) => ({
    ...{ k: 'heartbeat', via: 'mqtt', p: project, d, by: 'AAAAAAAAAAAA', boot: 1, seq },
    rx: nextAt(),
    data: { battery_percent: (seq + i) % 101, connection_type: i % 2 === 0 ? ['4g'] : '4g' },
  }))
  const byDevice = Map.groupBy(entries, ({ d }) => d)
  return { kind: 'observed', byDevice, deviceNames: new Map(), position } as unknown as LogEvent
}

const sessions = ({ id }: Story, s: string, k: 'opened' | 'closed', node = 'n1'): LogEvent => {
  position += 1n
  const entry = { k, s, p: project, d: id, tok: 'T', rx: nextAt() }
  return { kind: 'sessions', node, entries: [entry], position } as unknown as LogEvent
}

const lostNode = (node: string): LogEvent => {
  position += 1n
  return { kind: 'node-lost', node, by: 'n2', position } as unknown as LogEvent
}

const ended = ({ id, token, binding }: Story): readonly LogEvent[] => [
  deviceEvent(id, 'DeviceTokenConfirmed', { token_id: token }),
  deviceEvent(id, 'DeviceUnbound', { binding_id: binding, end_user_id: 'eu_1' }),
  deviceEvent(id, 'DeviceTokenRevoked', { token_ids: [token], reason: 'unbound' }),
  deviceEvent(id, 'DeviceRetired', {}),
]

const chunks = (recording: string, from: number): LogEvent => {
  position += 1n
  const same = { bytes: 9, sha256: 'a', started_at: null, duration_ms: null }
  const of = Array.from({ length: 3 }, (_, i) => ({ index: from + i, ...same }))
  const event = { type: 'ChunksAnnounced', data: { chunks: of } }
  const about = { project, subject: recording, opened: null, at: nextAt(), revision: 1, position }
  return { kind: 'recording', event, ...about } as unknown as LogEvent
}

const deleted = (recording: string): LogEvent => {
  position += 1n
  const event = { type: 'RecordingDeleted', data: {} }
  const about = { project, subject: recording, opened: null, at: nextAt(), revision: 2, position }
  return { kind: 'recording', event, ...about } as unknown as LogEvent
}

const withClient = async <Result>(work: (client: PoolClient) => Promise<Result>) => {
  const client = await stage.pool.connect()
  try {
    return await work(client)
  } finally {
    await client.query(`drop schema if exists ${schema} cascade`)
    client.release()
  }
}

const countRows = async (client: PoolClient, table: string): Promise<number> => {
  const { rows } = await client.query(`select count(*)::int as n from ${schema}.${table}`)
  return rows[0].n
}

/** A log in pieces, in which rows come, are met again much later, are looked for by what they hold, and go. */
const pieces = (): readonly (readonly LogEvent[])[] => {
  const stories = Array.from({ length: 12 }, story)
  const ids = stories.map(({ id }) => id)
  const at = (i: number) => stories[i] as Story
  return [
    stories.slice(0, 6).flatMap(begun),
    [beats(ids, 1), chunks('rec_1', 0), sessions(at(0), 's0', 'opened')],
    [...stories.slice(6).flatMap(begun), beats(ids, 3), sessions(at(1), 's1', 'opened')],
    [beats(ids, 2), beats(ids, 2), sessions(at(0), 's0', 'closed'), beats(ids.slice(3), 9)],
    [...ended(at(2)), chunks('rec_1', 3), deleted('rec_1'), chunks('rec_2', 0)],
    [sessions(at(7), 's7', 'opened', 'n3'), lostNode('n1')],
    [beats(ids, 10), ...ended(at(8)), beats(ids, 11)],
  ]
}

const printed = (client: PoolClient, of: string) =>
  Promise.all(allProjections.map((projection) => fingerprint(client, of, projection)))

/** As the projector folds: a transaction a piece. */
const foldedBatchwise = (log: readonly (readonly LogEvent[])[]) =>
  withClient(async (client) => {
    await new RebuiltTables(client, {
      ...common,
      schema,
      projections: [],
      rowBytesMax: 0,
    }).create()
    let from = await loadCheckpoints(client, schema, allProjections)
    for (const events of log) {
      const to = events.at(-1)?.position ?? 0n
      from = await writeBatch(client, { schema, projections: allProjections, events, from, to })
    }
    return printed(client, schema)
  })

for (const rowBytesMax of [0, 5_000, Number.MAX_SAFE_INTEGER])
  test(`with ${rowBytesMax} bytes of rows in memory the tables are as the projector's`, async () => {
    const log = pieces()
    const expected = await foldedBatchwise(log)
    const folded = await withClient(async (client) => {
      const tables = new RebuiltTables(client, {
        ...common,
        schema,
        projections: allProjections,
        rowBytesMax,
      })
      await tables.create()
      for (const events of log.slice(0, -1)) await tables.fold(events)
      // As when it catches up once more.
      await tables.write()
      for (const events of log.slice(-1)) await tables.fold(events)
      await tables.write()
      return printed(client, schema)
    })
    assert.equal(folded, expected)
  })

test('rows are written when all of the log was folded, or when there are more in memory than may be', async () => {
  const devices = allProjections.filter(({ name }) => name === 'devices')
  const events = begun(story()).slice(0, 1)
  const row = events.map((event) => devices[0]?.fold(undefined, event, 'id'))[0]
  // Its id is that of the device, not two characters.
  const bytes = bytesOf(row) + newId('dev_', randomBytes).length - 'id'.length
  for (const [rowBytesMax, written] of [
    [bytes, 0],
    [bytes - 1, 1],
  ] as const)
    await withClient(async (client) => {
      const tables = new RebuiltTables(client, {
        ...common,
        schema,
        projections: devices,
        rowBytesMax,
      })
      await tables.create()
      await tables.fold(events)
      assert.is(await countRows(client, 'devices'), written)
      await tables.write()
      assert.is(await countRows(client, 'devices'), 1)
    })
})

test.after(() => stage.end())
test.run()

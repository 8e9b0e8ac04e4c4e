import { randomBytes, randomUUID } from 'node:crypto'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { readCheckpoint } from '../../projections/checkpoints.ts'
import { type HeartbeatPlace, listHeartbeats } from '../../projections/heartbeats.ts'
import { type DeviceId, newId, newNodeId } from '../../protocol/ids.ts'
import { instantOf } from '../../protocol/instant.ts'
import * as device from '../../src/domain/device.ts'
import { register } from '../../src/domain/device.ts'
import { unpacked } from '../../src/store/packed.ts'
import { deviceStream, ingestStream } from '../../src/store/streams.ts'
import { openStage } from '../support/stage.ts'
import { until } from '../support/until.ts'

const test = suite('history of heartbeats')
const stage = await openStage()
const project = await stage.world()
const dayMs = 86_400_000
const today = Date.parse('2026-11-22T12:00:00.000Z')

type Beat = {
  readonly d: DeviceId
  readonly ms: number
  readonly seq?: number
  readonly boot?: unknown
}

/** One commit of a node of its own. */
const commit = async (...beats: readonly Beat[]): Promise<bigint> => {
  const by = 'AAAAAAAAAAAA'
  const entries = beats.map(({ d, ms, seq, boot = 1 }) => ({
    ...{ k: 'heartbeat', via: 'mqtt', p: project, d, by, rx: instantOf(ms), data: { flags: 1 } },
    ...(seq !== undefined && { boot, seq }),
  }))
  const node = newNodeId(randomBytes)
  const data = Buffer.from(JSON.stringify({ v: 1, entries }))
  const event = { id: randomUUID(), type: 'IngestCommitted', data, metadata: { v: 1, node } }
  const done = await stage.store.append(ingestStream(node, 0, today), [event], 'no_stream')
  if (done.kind !== 'appended') throw new Error('another node has that name')
  return done.position
}

type Row = { readonly device_id: string; readonly received_at: Date; readonly seq: string | null }
/** Every heartbeat that is kept, in the order of the log. */
const rows = async (): Promise<readonly Row[]> => {
  const { rows: runs } = await stage.pool.query<{ device_id: string; beats: Buffer }>(
    'select device_id, beats from live.heartbeats order by position, entry',
  )
  const all = runs.flatMap(({ device_id, beats }) =>
    (JSON.parse(unpacked(beats)) as [string, number, string, string, unknown, number | null][]).map(
      ([position, entry, rx, , , seq]) => ({
        device_id,
        received_at: new Date(rx),
        seq: seq === null ? null : String(seq),
        place: Number(position) * 1_000 + entry,
      }),
    ),
  )
  return all.sort((one, other) => one.place - other.place)
}
const partitions = async (): Promise<readonly string[]> => {
  const { rows: found } = await stage.pool.query<{ name: string }>(
    `select inhrelid::regclass::text as name from pg_inherits where inhparent = 'live.heartbeats'::regclass order by 1`,
  )
  return found.map(({ name }) => name.replace('live.heartbeats_', ''))
}
const [a, b] = [newId('dev_', randomBytes), newId('dev_', randomBytes)]
const begun: ReturnType<typeof stage.heartbeats>[] = []
const begin = (given?: Parameters<typeof stage.heartbeats>[0]) => {
  const history = stage.heartbeats(given)
  begun.push(history)
  return history
}
const reached = async (history: ReturnType<typeof stage.heartbeats>, position: bigint) =>
  assert.ok(await history.waitFor(position, 20_000))

test('a retransmission that two nodes stored counts once, within and across commits and days', async () => {
  const history = begin({ now: () => today })
  const midnight = Date.parse('2026-11-22T00:00:00.000Z')
  await commit({ d: a, ms: midnight - 1, seq: 7 }, { d: a, ms: midnight, seq: 7 })
  await commit({ d: a, ms: midnight + 1, seq: 7 }, { d: b, ms: midnight, seq: 7 })
  await commit({ d: a, ms: midnight + dayMs, seq: 7 }, { d: a, ms: midnight, seq: 8 })
  await commit({ d: a, ms: midnight, seq: 7, boot: 'f47ac10b-58cc-4372-a567-0e02b2c3d479' })
  await reached(history, await commit({ d: a, ms: midnight }, { d: a, ms: midnight }))
  assert.equal(
    (await rows()).map(({ device_id, seq, received_at }) => [
      device_id === a ? 'a' : 'b',
      seq,
      received_at.getTime() - midnight,
    ]),
    [
      ['a', '7', -1],
      ['b', '7', 0],
      ['a', '7', dayMs],
      ['a', '8', 0],
      ['a', '7', 0],
      ['a', null, 0],
      ['a', null, 0],
    ],
  )
  await history.close()
})

test('dropped and filled again it is the same', async () => {
  const before = await rows()
  await stage.pool.query('truncate live.heartbeats')
  await stage.pool.query(
    `update live.checkpoints set commit = null where projection = 'heartbeats'`,
  )
  const history = begin({ now: () => today })
  await reached(history, await commit())
  assert.equal(await rows(), before)
  await history.close()
})

test('days are made as they come and dropped as they go', async () => {
  const [kept, gone] = [today - 2 * dayMs, today - 3 * dayMs]
  const first = begin({ now: () => today, days: 3 })
  await reached(first, await commit({ d: b, ms: kept, seq: 1 }, { d: b, ms: gone, seq: 2 }))
  assert.equal(await partitions(), [
    '20261119',
    '20261120',
    '20261121',
    '20261122',
    '20261123',
    '20261124',
  ])
  await first.close()
  const later = begin({ now: () => today + dayMs, days: 3 })
  await reached(later, await commit({ d: b, ms: gone, seq: 3 }, { d: b, ms: today, seq: 4 }))
  assert.equal(await partitions(), ['20261120', '20261121', '20261122', '20261123', '20261124'])
  assert.equal(
    (await rows()).filter(({ device_id }) => device_id === b).map(({ seq }) => seq),
    ['7', '1', '4'],
    'what is too old is not kept',
  )
  await later.close()
})

test('while the history stands still the rows of devices go on, and no read of theirs counts it', async () => {
  const projector = stage.projector()
  const history = begin()
  const blocker = await stage.pool.connect()
  await blocker.query('begin')
  await blocker.query('lock table live.heartbeats in access exclusive mode')
  const id = newId('dev_', randomBytes)
  const sealed = await stage.sealFor(project, id, { serial_number: 'S', metadata: {} })
  const args = { deviceId: id, model: 'pin', generation: 1, serialHash: 'a'.repeat(64), sealed }
  const stream = deviceStream(project, id)
  await stage.ledger.transact(stream, device.device, () => register(args), stage.by(project))
  const position = await commit({ d: id, ms: Date.now(), seq: 1 })
  assert.ok(await projector.waitFor(position, 10_000))
  const { rows: found } = await stage.pool.query(
    'select flags from live.device_health where device_id = $1',
    [id],
  )
  assert.equal(found, [{ flags: 1 }])
  const [own, theirs] = await Promise.all([
    readCheckpoint(stage.db, ['heartbeats']),
    readCheckpoint(stage.db, ['devices', 'device_health']),
  ])
  assert.ok(own !== undefined && theirs !== undefined && own < position && theirs >= position)
  await blocker.query('rollback')
  blocker.release()
  await reached(history, position)
  await until(async () => (await rows()).some((row) => row.device_id === id), { what: 'the row' })
  await history.close()
  await projector.close()
})

test('pages meet each once, whatever runs they lie in, forwards and backwards, with and without a range', async () => {
  const history = begin({ now: () => today })
  const d = newId('dev_', randomBytes)
  const start = Date.parse('2026-11-21T23:59:59.000Z')
  let seq = 0
  let position = 0n
  for (const size of [1, 3, 200, 2, 150, 1]) {
    const beats = Array.from({ length: size }, () => {
      seq += 1
      return { d, ms: start + seq * 10, seq }
    })
    position = await commit(...beats)
    await reached(history, position)
  }
  const all = Array.from({ length: seq }, (_, at) => at + 1)
  const paged = async (order: 'asc' | 'desc', range = {}): Promise<readonly number[]> => {
    const met: number[] = []
    for (let after: HeartbeatPlace | undefined; ; ) {
      const page = { ...range, order, limit: 7, after }
      const found = await listHeartbeats(stage.db, { project, device: d }, page, unpacked)
      met.push(...found.map((one) => Number(one.seq)))
      after = found.at(-1)
      if (found.length < 7) return met
    }
  }
  assert.equal(await paged('asc'), all)
  assert.equal(await paged('desc'), all.toReversed())
  const [from, to] = [instantOf(start + 500), instantOf(start + 2_500)]
  const within = all.filter((one) => one * 10 >= 500 && one * 10 < 2_500)
  assert.equal(await paged('asc', { from, to }), within)
  assert.equal(await paged('desc', { from, to }), within.toReversed())
  const other = await stage.world()
  const none = await listHeartbeats(
    stage.db,
    { project: other, device: d },
    { order: 'asc', limit: 7 },
    unpacked,
  )
  assert.equal(none, [])
  await history.close()
})

test('a rebuild beside it says whether it was the same, and puts it right', async () => {
  const history = begin({ now: () => today, days: 2 })
  const d = newId('dev_', randomBytes)
  const beats = (from: number, count: number) =>
    Array.from({ length: count }, (_, at) => ({ d, ms: today + from + at, seq: from + at }))
  await commit(...beats(0, 200))
  await reached(history, await commit(...beats(100, 150)))
  const kept = async () => (await rows()).filter((row) => row.device_id === d)
  const before = await kept()
  assert.is(before.length, 250)
  const ran = async () => {
    const outcome = await history.rebuild()
    if (outcome.kind !== 'rebuilt') throw new Error(outcome.kind)
    return outcome.models
  }
  const [same] = await ran()
  assert.equal([same?.projection, same?.equal], ['heartbeats', true])
  assert.equal(await kept(), before)
  const partitionsBefore = await partitions()
  await stage.pool.query('delete from live.heartbeats where device_id = $1', [d])
  const [other] = await ran()
  assert.equal([other?.fingerprint, other?.equal], [same?.fingerprint, false])
  assert.equal(await kept(), before)
  assert.equal(await partitions(), partitionsBefore)
  // It goes on into the tables that took the place, and a reader of one world still sees no other.
  await reached(history, await commit({ d, ms: today + dayMs, seq: 9_999 }))
  assert.is((await kept()).length, 251)
  const { rows: policies } = await stage.pool.query(
    `select policyname from pg_policies where schemaname = 'live' and tablename = 'heartbeats'`,
  )
  assert.is(policies.length, 1)
  await history.close()
})

test('a rebuild that is broken off changes nothing', async () => {
  const history = begin({ now: () => today, days: 2 })
  await reached(history, await commit())
  const before = await rows()
  const breaking = new AbortController()
  const outcome = history.rebuild(undefined, {
    signal: breaking.signal,
    onProgress: () => breaking.abort(),
  })
  const failed = await outcome.then(
    () => undefined,
    (error: Error) => error.name,
  )
  assert.is(failed, 'AbortError')
  assert.equal(await rows(), before)
  const { rows: left } = await stage.pool.query(
    `select nspname from pg_namespace where nspname like 'rebuilt%'`,
  )
  assert.equal(left, [])
  await history.close()
})

test('of two that would write one does, and the other goes on where it ended', async () => {
  const [one, two] = [begin(), begin()]
  const now = Date.now()
  const d = newId('dev_', randomBytes)
  const first = await commit({ d, ms: now, seq: 1 })
  await Promise.all([reached(one, first), reached(two, first)])
  await one.close()
  await reached(two, await commit({ d, ms: now, seq: 2 }))
  const seqs = (await rows()).filter((row) => row.device_id === d).map(({ seq }) => seq)
  assert.equal(seqs, ['1', '2'])
  await two.close()
})

test.after(async () => {
  for (const history of begun) await history.close()
  await stage.end()
})
test.run()

import { randomUUID } from 'node:crypto'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import {
  chunkIndexMax,
  chunksPerMessageMax,
  recordingPayloadBytesMax,
  unheardErrorsMax,
} from '../../../protocol/limits.ts'
import { recordingIdOf } from '../../../protocol/topics.ts'
import { remove } from '../../../src/domain/recording/owner-decisions.ts'
import { recording } from '../../../src/domain/recording/state.ts'
import { recordingStream } from '../../../src/store/streams.ts'
import { chunkOf, openRecordingEdge } from '../../support/recording-edge.ts'
import { until } from '../../support/until.ts'

const test = suite('what is wrong with a message about a recording')
const edge = await openRecordingEdge()

const start = { boot: 1, codec: 'opus', sample_rate: 16_000, started_at: 0 }
const finish = { total_chunks: 2, total_bytes: 2, duration_ms: 1, ended_at: 1 }
const topic = (id: string, message: string) => `v1/devices/me/recordings/${id}/${message}`
const chunks = (...indices: readonly number[]) => ({ chunks: indices.map(chunkOf) })

type Bad = readonly [
  name: string,
  message: 'start' | 'chunks' | 'finish',
  payload: object | string,
  code: string,
  field?: string,
]

const bad: readonly Bad[] = [
  ['what is no JSON', 'chunks', '{"chunks":', 'malformed'],
  ['index 0', 'chunks', chunks(0), 'validation_failed', 'chunks.0.index'],
  ['index 2^31', 'chunks', chunks(2 ** 31), 'validation_failed', 'chunks.0.index'],
  [
    'an index past the limit',
    'chunks',
    chunks(chunkIndexMax + 1),
    'validation_failed',
    'chunks.0.index',
  ],
  [
    '65 chunks',
    'chunks',
    chunks(...Array.from({ length: chunksPerMessageMax + 1 }, (_, i) => i + 1)),
    'validation_failed',
    'chunks',
  ],
  ['a list that is too large', 'chunks', 'x'.repeat(recordingPayloadBytesMax + 1), 'too_large'],
  ['no chunk', 'chunks', { chunks: [] }, 'validation_failed', 'chunks'],
  ['an unknown codec', 'start', { ...start, codec: 'wma' }, 'validation_failed', 'codec'],
  [
    'a start without a time',
    'start',
    { ...start, started_at: undefined },
    'validation_failed',
    'started_at',
  ],
  ['an empty finish', 'finish', '', 'validation_failed', 'total_chunks'],
  ['the finish of an unknown recording', 'finish', finish, 'recording_not_found'],
]

for (const [name, message, payload, code, field] of bad)
  test(`${name}: acknowledged, told ${code}, and the session goes on`, async () => {
    const bound = await edge.newDevice()
    const device = await edge.listen(bound.token)
    const to = topic(randomUUID(), message)
    const body = typeof payload === 'string' ? payload : { ...payload, boot: 3, seq: 9 }
    await device.publish(to, body)
    const [error] = await until(() => device.errors().length > 0 && device.errors(), {
      what: 'the error',
    })
    assert.equal([error?.['code'], error?.['topic'], error?.['field']], [code, to, field])
    if (typeof payload !== 'string') assert.equal([error?.['boot'], error?.['seq']], [3, 9])
    await device.publish('v1/devices/me/heartbeat', {})
    await device.end()
  })

const told = async (
  given: readonly (readonly [string, object])[],
  last: readonly [string, object],
  before: (
    id: string,
    of: Awaited<ReturnType<typeof edge.newDevice>>,
  ) => Promise<void> = async () => {},
) => {
  const bound = await edge.newDevice()
  const device = await edge.listen(bound.token)
  const id = randomUUID()
  for (const [message, payload] of given) await device.publish(topic(id, message), payload)
  await before(id, bound)
  assert.equal(device.errors(), [])
  await device.publish(topic(id, last[0]), last[1])
  const [error] = await until(() => device.errors().length > 0 && device.errors(), {
    what: 'the error',
  })
  await device.end()
  return { error, state: await edge.stateOf(id, bound) }
}

test('the same index with another hash: told, and what is right beside it is taken', async () => {
  const other = { ...chunkOf(1), sha256: 'f'.repeat(64) }
  const { error, state } = await told(
    [['chunks', chunks(1)]],
    ['chunks', { chunks: [other, chunkOf(2)] }],
  )
  assert.is(error?.['code'], 'chunk_conflict')
  assert.match(String(error?.['message']), /Chunk 1:/)
  assert.equal(state.chunks.announced, [[1, 2]])
})

test('a chunk past the total of a finished recording, and another finish', async () => {
  const given = [
    ['chunks', chunks(1)],
    ['finish', finish],
  ] as const
  const late = await told(given, ['chunks', chunks(3)])
  assert.is(late.error?.['code'], 'recording_closed')
  const twice = await told(given, ['finish', { ...finish, total_chunks: 9 }])
  assert.is(twice.error?.['code'], 'recording_closed')
})

test('a finish with fewer chunks than were announced', async () => {
  const { error, state } = await told([['chunks', chunks(1, 3)]], ['finish', finish])
  assert.equal([error?.['code'], error?.['field']], ['validation_failed', 'total_chunks'])
  assert.is(state.finish, null)
})

test('a deleted recording takes nothing more', async () => {
  const { error } = await told([['chunks', chunks(1)]], ['chunks', chunks(1)], async (id, of) => {
    const stream = recordingStream(edge.project, recordingIdOf(of.deviceId, id))
    await edge.stage.ledger.transact(stream, recording, remove, edge.stage.by(edge.project))
  })
  assert.is(error?.['code'], 'recording_closed')
})

test("another device's recording is none", async () => {
  const [owner, thief] = [await edge.newDevice(), await edge.newDevice()]
  const first = await edge.listen(owner.token)
  const id = recordingIdOf(owner.deviceId, randomUUID())
  await first.publish(topic(id, 'chunks'), chunks(1))
  const device = await edge.listen(thief.token)
  for (const [message, payload] of [
    ['start', start],
    ['chunks', chunks(2)],
    ['finish', finish],
  ] as const)
    await device.publish(topic(id, message), payload)
  await until(() => device.errors().length === 3, { what: 'three errors' })
  assert.equal([...new Set(device.errors().map(({ code }) => code))], ['recording_not_found'])
  assert.equal([device.grants(), device.watermark()], [[], undefined])
  assert.equal((await edge.stateOf(id, owner)).chunks.announced, [[1, 1]])
  await first.end()
  await device.end()
})

test('what was wrong before the device subscribed is told when it does, the newest of it', async () => {
  const bound = await edge.newDevice()
  for (const count of [unheardErrorsMax, unheardErrorsMax + 1]) {
    const silent = await edge.connect(bound.token)
    for (let seq = 1; seq <= count; seq += 1)
      await silent.publish(topic(randomUUID(), 'finish'), { ...finish, boot: 1, seq })
    const device = await edge.listen(silent)
    await until(() => device.errors().length === unheardErrorsMax, { what: 'the errors' })
    assert.equal(
      device.errors().map(({ code, seq }) => [code, seq]),
      Array.from({ length: unheardErrorsMax }, (_, at) => [
        'recording_not_found',
        count - unheardErrorsMax + 1 + at,
      ]),
    )
    await device.end()
  }
})

test('what a device said of a recording before it subscribed is answered when it does', async () => {
  const [bound, id] = [await edge.newDevice(), randomUUID()]
  const silent = await edge.connect(bound.token)
  await silent.publish(topic(id, 'start'), start)
  await silent.publish(topic(id, 'finish'), { ...finish, total_chunks: 3 })
  await silent.publish(topic(id, 'chunks'), chunks(2))
  const device = await edge.listen(silent)
  await until(() => device.watermark()?.missing[0]?.[1] === 3, { what: 'the gaps up to the end' })
  await until(() => device.grants().some(({ index }) => index === 2), { what: 'a grant' })
  await device.end()
})

test('what a device says while it is told again what was before is answered once', async () => {
  const [bound, before, id] = [await edge.newDevice(), randomUUID(), randomUUID()]
  const first = await edge.listen(bound.token)
  await first.publish(topic(before, 'chunks'), chunks(1))
  await until(() => first.grants().length === 1, { what: 'the first grant' })
  await first.end()
  const client = await edge.stage.pool.connect()
  try {
    // The read models answer nobody: what was before is not told yet.
    await client.query('begin; lock table live.recordings in access exclusive mode')
    const device = await edge.listen(bound.token)
    await device.publish(topic(id, 'chunks'), chunks(2))
    await until(() => device.grants().length === 1, { what: 'the grant of what is new' })
    await client.query('commit')
    await until(() => device.grants().some(({ index }) => index === 1), { what: 'the older grant' })
    assert.equal(
      device.grants().map(({ index }) => index),
      [2, 1],
    )
    await device.end()
  } finally {
    await client.query('rollback')
    client.release()
  }
})

test("another device's topic ends the connection", async () => {
  const [one, other] = [await edge.newDevice(), await edge.newDevice()]
  const device = await edge.connect(one.token)
  const to = `v1/devices/${other.deviceId}/recordings/${randomUUID()}/chunks`
  device.publish(to, chunks(1)).catch(() => {})
  await device.closed
})

test.after(async () => {
  await edge.end()
})

test.run()

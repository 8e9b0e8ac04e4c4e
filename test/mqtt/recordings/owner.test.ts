import { randomUUID } from 'node:crypto'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { listHeartbeats } from '../../../projections/heartbeats.ts'
import type { Boot } from '../../../protocol/payloads.ts'
import { recordingIdOf } from '../../../protocol/topics.ts'
import { unpacked } from '../../../src/store/packed.ts'
import { chunkOf, openRecordingEdge } from '../../support/recording-edge.ts'
import { until } from '../../support/until.ts'

const test = suite('whose a recording over MQTT is')
const edge = await openRecordingEdge()
type Bound = Awaited<ReturnType<typeof edge.newDevice>>

const hourMs = 3_600_000
const topic = (id: string, message: string) => `v1/devices/me/recordings/${id}/${message}`
const start = (change: object = {}) => ({
  codec: 'opus',
  sample_rate: 16_000,
  started_at: Date.now(),
  ...change,
})
const finish = (change: object = {}) => ({
  total_chunks: 1,
  total_bytes: 2,
  duration_ms: 1,
  ended_at: Date.now(),
  ...change,
})
const chunks = { chunks: [chunkOf(1)] }

const whose = async (id: string, of: Bound) => {
  const { endUserId, quarantineReason, skewMs } = await edge.stateOf(id, of)
  return { endUserId, quarantineReason, skewMs }
}

/** What the device says, one message after the other, in one session; a function makes its message when it is sent. */
const say = async (
  of: Bound,
  id: string,
  messages: readonly (readonly [string, object | (() => object)])[],
): Promise<void> => {
  const device = await edge.connect(of.token)
  for (const [message, said] of messages) {
    const payload = typeof said === 'function' ? said() : said
    await device.publish(message.startsWith('v1/') ? message : topic(id, message), payload)
  }
  await device.end()
}

test('a clock an hour ahead, measured by the message itself', async () => {
  const [bound, id] = [await edge.newDevice(), randomUUID()]
  const now = Date.now() + hourMs
  await say(bound, id, [['start', start({ boot: 1, at: now, started_at: now })]])
  const found = await whose(id, bound)
  assert.is(found.endUserId, bound.endUserId)
  assert.ok(Math.abs((found.skewMs ?? 0) + hourMs) < 5_000)
})

test('what is sent again shows a clock that went on since, and says nothing of it', async () => {
  const [bound, alone, among] = [await edge.newDevice(), randomUUID(), randomUUID()]
  const device = await edge.connect(bound.token)
  const again = (id: string, message: string, payload: object) =>
    device.client.publishAsync(topic(id, message), JSON.stringify(payload), { qos: 1, dup: true })
  const saidMs = Date.now() - 2 * hourMs
  const begun = { boot: 1, at: saidMs, started_at: saidMs }
  await again(alone, 'start', start(begun))
  assert.is((await whose(alone, bound)).quarantineReason, 'clock_unknown')
  await again(among, 'chunks', { ...begun, ...chunks })
  await device.publish(topic(among, 'start'), start({ boot: 1, at: Date.now() }))
  await device.end()
  const found = await whose(among, bound)
  assert.is(found.endUserId, bound.endUserId)
  assert.ok(Math.abs(found.skewMs ?? hourMs) < 5_000)
})

test('no clock at all: nobody can say; one that says it is set is believed', async () => {
  const bound = await edge.newDevice()
  const [one, other] = [randomUUID(), randomUUID()]
  await say(bound, one, [['start', start({ boot: 1 })]])
  assert.equal(await whose(one, bound), {
    endUserId: null,
    quarantineReason: 'clock_unknown',
    skewMs: null,
  })
  await say(bound, other, [['start', start({ boot: 1, clock_synced: true })]])
  assert.equal(await whose(other, bound), {
    endUserId: bound.endUserId,
    quarantineReason: null,
    skewMs: 0,
  })
})

test('a clock that is known by the finish only', async () => {
  const [bound, id] = [await edge.newDevice(), randomUUID()]
  await say(bound, id, [
    ['start', start({ boot: 1 })],
    ['chunks', chunks],
  ])
  assert.is((await whose(id, bound)).quarantineReason, 'clock_unknown')
  await say(bound, id, [['finish', finish({ boot: 1, at: Date.now() })]])
  assert.is((await whose(id, bound)).endUserId, bound.endUserId)
})

test('an end in the future brings it into doubt', async () => {
  const [bound, id] = [await edge.newDevice(), randomUUID()]
  await say(bound, id, [
    ['start', start({ boot: 1, at: Date.now() })],
    ['finish', finish({ boot: 1, at: Date.now(), ended_at: Date.now() + hourMs })],
  ])
  assert.equal((await whose(id, bound)).quarantineReason, 'time_in_future')
})

/** The heartbeats of a boot, in the read model. */
const beats = async (of: Bound, boot: Boot, aheadMs: number): Promise<void> => {
  const beat = (seq: number) => ({ boot, seq, at: Date.now() + aheadMs })
  const to = 'v1/devices/me/heartbeat'
  await say(of, '', [
    [to, beat(1)],
    [to, beat(2)],
    [to, beat(3)],
  ])
  const who = { project: edge.project, device: of.deviceId }
  await until(
    async () => {
      const rows = await listHeartbeats(edge.stage.db, who, { order: 'asc', limit: 9 }, unpacked)
      return rows.filter((row) => String(row.boot) === String(boot)).length === 3
    },
    { what: 'the heartbeats' },
  )
}

test('a boot is known by its heartbeats, also when it is over', async () => {
  const [bound, id] = [await edge.newDevice(), randomUUID()]
  await beats(bound, 4, -2 * hourMs)
  // Recorded in boot 4, told of in boot 5: `boot` is that of the recording, and no `at` is said of it.
  await say(bound, id, [
    ['v1/devices/me/boot', { boot: 5, seq: 1, at: Date.now() }],
    ['start', start({ boot: 4, started_at: Date.now() - 2 * hourMs })],
  ])
  const found = await whose(id, bound)
  assert.is(found.endUserId, bound.endUserId)
  assert.ok(Math.abs((found.skewMs ?? 0) - 2 * hourMs) < 5_000)
})

test('begun in one boot and ended in the next, each by its own clock', async () => {
  const [bound, id] = [await edge.newDevice(), randomUUID()]
  await say(bound, id, [
    ['start', start({ boot: 1, at: Date.now() + hourMs, started_at: Date.now() + hourMs })],
    ['finish', finish({ boot: 2, at: Date.now() - hourMs, ended_at: Date.now() - hourMs })],
  ])
  assert.is((await whose(id, bound)).endUserId, bound.endUserId)
  const unknown = randomUUID()
  await say(bound, unknown, [
    ['start', start({ boot: 1, at: Date.now() })],
    ['finish', finish({ boot: 9 })],
  ])
  assert.is((await whose(unknown, bound)).quarantineReason, 'clock_unknown')
})

test('bound anew with chunks still in flash: they go to the owner before, or to nobody', async () => {
  const bound = await edge.newDevice()
  const [begun, kept] = [randomUUID(), randomUUID()]
  const recordedAt = Date.now()
  await say(bound, begun, [
    ['start', start({ boot: 1, at: recordedAt, started_at: recordedAt })],
    ['chunks', chunks],
  ])
  // What a message takes on its way is taken for a skew: the binding outlives that.
  await until(() => Date.now() > recordedAt + 1_000, { what: 'a second of that binding' })
  await bound.unbind()
  const next = { ...bound, token: await bound.bindAgain() }
  await say(next, begun, [
    ['chunks', { chunks: [chunkOf(2)] }],
    ['finish', finish({ boot: 1, at: Date.now(), ended_at: recordedAt + 1, total_chunks: 2 })],
  ])
  assert.is((await whose(begun, bound)).endUserId, bound.endUserId)
  // Never told of before: by its time it is the first binding's; a moment in the gap is nobody's.
  const keptChunks = [{ ...chunkOf(1), started_at: recordedAt }]
  await say(next, kept, [['chunks', () => ({ boot: 1, at: Date.now(), chunks: keptChunks })]])
  assert.is((await whose(kept, bound)).endUserId, bound.endUserId)
  const rec = recordingIdOf(bound.deviceId, kept)
  assert.equal((await edge.stateOf(rec, bound)).startedAt, new Date(recordedAt).toISOString())
})

test('bound to another soon after: in doubt, never the next owner’s', async () => {
  const [bound, id] = [await edge.newDevice(), randomUUID()]
  const recordedAt = Date.now()
  // The unbinding is of a later millisecond, and a clock that is set shifts nothing into it.
  await until(() => Date.now() > recordedAt, { what: 'the next millisecond' })
  await bound.unbind()
  const next = { ...bound, token: await bound.bindTo(await edge.newEndUser()) }
  await say(next, id, [['start', start({ boot: 1, clock_synced: true, started_at: recordedAt })]])
  const found = await whose(id, bound)
  assert.equal([found.endUserId, found.quarantineReason], [null, 'other_owner_near'])
})

test('chunks without any time: nobody can say', async () => {
  const [bound, id] = [await edge.newDevice(), randomUUID()]
  await say(bound, id, [['chunks', { boot: 1, ...chunks }]])
  assert.is((await whose(id, bound)).quarantineReason, 'clock_unknown')
})

test.after(async () => {
  await edge.end()
})

test.run()

import { randomUUID } from 'node:crypto'
import { Encoder } from 'cbor-x'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { recordings } from '../../../projections/recordings.ts'
import type { Grant } from '../../../protocol/recording-payloads.ts'
import { downFilter, recordingIdOf } from '../../../protocol/topics.ts'
import { everyChunk } from '../../../src/domain/recording/chunks.ts'
import { bodyOf, chunkOf, type Listening, openRecordingEdge } from '../../support/recording-edge.ts'
import { until } from '../../support/until.ts'

const test = suite('chunked upload over MQTT')
const edge = await openRecordingEdge()
const cbor = new Encoder({ useRecords: false })

const start = (change: object = {}) => ({
  boot: 1,
  at: Date.now(),
  codec: 'opus',
  sample_rate: 16_000,
  started_at: Date.now(),
  ...change,
})
const finish = (total: number, change: object = {}) => ({
  boot: 1,
  at: Date.now(),
  total_chunks: total,
  total_bytes: 1,
  duration_ms: 1_000,
  ended_at: Date.now(),
  ...change,
})
const chunks = (...indices: readonly number[]) => ({ boot: 1, chunks: indices.map(chunkOf) })
const topic = (id: string, message: string) => `v1/devices/me/recordings/${id}/${message}`

const put = async ({ method, url, headers, index }: Grant, body = bodyOf(index)) =>
  (await fetch(url, { method, headers, body: new Uint8Array(body) })).status

const granted = (device: Listening, ...indices: readonly number[]): Promise<readonly Grant[]> =>
  until(
    () => {
      const grants = indices.map((index) => device.grants().findLast((one) => one.index === index))
      return grants.every((one) => one !== undefined) && (grants as Grant[])
    },
    { what: `grants of ${indices}` },
  )

const marked = (device: Listening, upTo: number) =>
  until(() => device.watermark()?.stored_up_to === upTo && device.watermark(), {
    what: `the watermark ${upTo}`,
  })

test('start, chunks, PUT, watermark, finish: all of it', async () => {
  const bound = await edge.newDevice()
  const device = await edge.listen(bound.token)
  const id = randomUUID()
  await device.publish(topic(id, 'start'), start({ channels: 1 }))
  await device.publish(topic(id, 'chunks'), chunks(1, 2))
  const grants = await granted(device, 1, 2)
  for (const grant of grants) assert.is(await put(grant), 200)
  const [first] = grants
  assert.ok(first)
  assert.is(await put(first), 412)
  assert.ok(Math.abs(Date.parse(first.expires_at) - Date.now() - 900_000) < 30_000)
  const place = `${edge.project}/${recordingIdOf(bound.deviceId, id)}/1/${chunkOf(1).sha256}-0`
  assert.ok(first.url.includes(place))
  const head = await edge.objects.head(place)
  assert.equal([head?.bytes, head?.sha256], [chunkOf(1).bytes, chunkOf(1).sha256])
  await edge.store(id, bound, [2])
  await until(() => device.watermark()?.missing[0]?.[1] === 1, { what: 'the gap' })
  assert.equal(device.watermark()?.missing, [[1, 1]])
  await edge.store(id, bound, [1])
  await marked(device, 2)
  await device.publish(topic(id, 'finish'), finish(2))
  const whole = await until(() => device.watermark()?.complete && device.watermark(), {
    what: 'the end',
  })
  assert.equal([whole.missing, whole.status], [[], 'stitching'])
  const state = await edge.stateOf(id, bound)
  assert.equal(
    [state.endUserId, state.codec, state.channels, state.quarantineReason],
    [bound.endUserId, 'opus', 1, null],
  )
  assert.equal(device.errors(), [])
  await device.end()
})

test('a grant is for that body and no other', async () => {
  const bound = await edge.newDevice()
  const device = await edge.listen(bound.token)
  const id = randomUUID()
  await device.publish(topic(id, 'chunks'), chunks(1))
  const [grant] = await granted(device, 1)
  assert.ok(grant)
  const wrong = Buffer.from(bodyOf(1))
  wrong[0] = 0
  assert.is(await put(grant, wrong), 400)
  assert.is(await put(grant, Buffer.concat([bodyOf(1), bodyOf(1)])), 403)
  const { 'if-none-match': _, ...without } = grant.headers
  const { 'If-None-Match': __, ...bare } = without
  assert.is(await put({ ...grant, headers: bare }), 403)
  assert.is(await put(grant), 200)
  await device.end()
})

test('nothing is acknowledged that is not in the log, in the order of arrival', async () => {
  const bound = await edge.newDevice()
  const device = await edge.connect(bound.token)
  const id = randomUUID()
  const all = [
    device.publish(topic(id, 'start'), start()),
    ...[1, 2, 3, 4, 5].map((i) => device.publish(topic(id, 'chunks'), chunks(i, i + 1))),
    device.publish(topic(id, 'finish'), finish(6)),
  ]
  await Promise.all(all)
  const state = await edge.stateOf(id, bound)
  assert.equal(
    [...everyChunk(state.chunks)].map(({ index }) => index),
    [1, 2, 3, 4, 5, 6],
  )
  assert.is(state.finish?.totalChunks, 6)
  await device.end()
})

test('repeats and another order are harmless: chunks first, start last', async () => {
  const bound = await edge.newDevice()
  const device = await edge.listen(bound.token)
  const id = randomUUID()
  for (let i = 0; i < 2; i += 1) await device.publish(topic(id, 'chunks'), chunks(2, 1))
  await edge.store(id, bound, [1, 2])
  const [begin, end] = [start(), finish(2)]
  for (let i = 0; i < 2; i += 1) await device.publish(topic(id, 'finish'), end)
  for (let i = 0; i < 2; i += 1) await device.publish(topic(id, 'start'), begin)
  await device.publish(topic(id, 'chunks'), chunks(1, 2))
  const state = await edge.stateOf(id, bound)
  assert.equal([state.codec, state.endUserId], ['opus', bound.endUserId])
  const stream = `${edge.project}.recording-${recordingIdOf(bound.deviceId, id)}`
  const types = (await edge.stage.store.readStream(stream)).map(({ type }) => type)
  assert.equal(types, [
    'RecordingStarted',
    'ChunksAnnounced',
    'ChunksStored',
    'RecordingFinished',
    'RecordingStarted',
  ])
  assert.equal(device.errors(), [])
  await device.end()
})

test('CBOR and the id spelled out: answered alike', async () => {
  const bound = await edge.newDevice()
  const device = await edge.listen(bound.token, downFilter(bound.deviceId))
  const id = recordingIdOf(bound.deviceId, randomUUID())
  const base = `v1/devices/${bound.deviceId}/recordings/${id}`
  const encoded = Buffer.from(cbor.encode(chunks(1)))
  await device.publish(`${base}/chunks/cbor`, encoded)
  const [grant] = await granted(device, 1)
  assert.is(await put(grant as Grant), 200)
  assert.ok(
    device.told.some(
      ({ topic: t }) => t === `v1/devices/${bound.deviceId}/down/recordings/${id}/grants`,
    ),
  )
  await device.end()
})

test('after a reconnect everything comes again out of the read models', async () => {
  const bound = await edge.newDevice()
  const before = await edge.connect(bound.token)
  const [one, two] = [randomUUID(), randomUUID()]
  await before.publish(topic(one, 'chunks'), chunks(1, 2, 4))
  await before.publish(topic(two, 'start'), start())
  await before.end()
  await edge.store(one, bound, [1])
  await until(
    async () => {
      const { rows } = await edge.stage.pool.query(
        `select 1 from live.${recordings.name} where device_id = $1 and jsonb_array_length(stored) > 0`,
        [bound.deviceId],
      )
      return rows.length > 0
    },
    { what: 'the row' },
  )
  const device = await edge.listen(bound.token)
  await granted(device, 2, 4)
  const rec = recordingIdOf(bound.deviceId, one)
  const marks = () => device.told.filter(({ topic: t }) => t.endsWith('/watermark'))
  await until(() => marks().length >= 2, { what: 'both watermarks' })
  const mark = marks().find(({ value }) => value['recording_id'] === rec)?.value
  assert.equal(mark?.['missing'], [[2, 4]])
  const count = device.grants().length
  await device.publish('v1/devices/me/boot', { boot: 2, seq: 1 })
  await until(() => device.grants().length >= count + 2, { what: 'the grants on boot' })
  await device.end()
})

test('a chunk that was refused: the device is told, and granted another place', async () => {
  const bound = await edge.newDevice()
  const device = await edge.listen(bound.token)
  const id = randomUUID()
  await device.publish(topic(id, 'chunks'), chunks(1))
  await granted(device, 1)
  await edge.refuse(id, bound, 1)
  const again = await until(() => device.grants().find(({ url }) => url.includes('-1?')), {
    what: 'the second attempt',
  })
  assert.is(await put(again), 200)
  assert.equal(
    device.errors().map(({ code }) => code),
    ['checksum_mismatch'],
  )
  await device.end()
})

test('a long backlog is granted a part at a time, as the watermark moves', async () => {
  const bound = await edge.newDevice()
  const first = await edge.connect(bound.token)
  const id = randomUUID()
  const all = Array.from({ length: 150 }, (_, i) => i + 1)
  for (const from of [0, 64, 128])
    await first.publish(topic(id, 'chunks'), chunks(...all.slice(from, from + 64)))
  await first.end()
  await until(
    async () => {
      const { rows } = await edge.stage.pool.query(
        'select 1 from live.recording_chunks where recording_id = $1 and index = 150',
        [recordingIdOf(bound.deviceId, id)],
      )
      return rows.length > 0
    },
    { what: 'the rows' },
  )
  const device = await edge.listen(bound.token)
  await granted(device, 1, 64)
  assert.is(device.grants().length, 64)
  await edge.store(id, bound, all.slice(0, 60))
  await granted(device, 65, 124)
  assert.is(device.grants().length, 124)
  await device.end()
})

test('while the object store is down announcements are taken, and granted later', async () => {
  const bound = await edge.newDevice()
  const device = await edge.listen(bound.token)
  edge.down.is = true
  const id = randomUUID()
  try {
    await until(
      async () => {
        const probe = randomUUID()
        const before = device.grants().length
        await device.publish(topic(probe, 'chunks'), chunks(1))
        await until(
          () => device.watermark()?.recording_id === recordingIdOf(bound.deviceId, probe),
          {
            what: 'the answer',
          },
        )
        return device.grants().length === before
      },
      { what: 'grants that wait' },
    )
    await device.publish(topic(id, 'chunks'), chunks(7))
  } finally {
    edge.down.is = false
  }
  await granted(device, 7)
  await device.end()
})

test('a grant does not wait for an object store that is slow to answer', async () => {
  const bound = await edge.newDevice()
  const device = await edge.listen(bound.token)
  edge.down.hangs = true
  await device.publish(topic(randomUUID(), 'chunks'), chunks(8))
  await granted(device, 8)
  edge.down.hangs = false
  await device.end()
})

test.after(async () => {
  await edge.end()
})

test.run()

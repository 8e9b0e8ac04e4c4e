import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { rootOfChunks } from '../../protocol/certificate.ts'
import type { ProjectId } from '../../protocol/ids.ts'
import { recordingPrefix } from '../../protocol/object-keys.ts'
import { headers } from '../../src/cli/simulate/ogg-opus.ts'
import { exclusivelyBy } from '../../src/recordings/exclusively.ts'
import { openRecordingBytes } from '../../src/recordings/open-bytes.ts'
import { recordingStream } from '../../src/store/streams.ts'
import { startTarget } from '../object-store/s3-stage.ts'
import { bucketAt } from '../support/bucket.ts'
import { keepLog } from '../support/keep-log.ts'
import { opusChunks } from '../support/opus.ts'
import { openStage } from '../support/stage.ts'
import { recordingsOn, settled, sha256Of } from './announced.ts'

const test = suite('the bytes of recordings')
const [stage, target] = await Promise.all([openStage(), startTarget()])
const objects = await bucketAt(target)
const projector = stage.projector()
const project: ProjectId = await stage.world()
const clock = { ms: 0 }
const dayMs = 86_400_000
const counts = new Map<string, number>()
const deps = {
  ledger: stage.ledger,
  objects,
  log: keepLog().log,
  meter: {
    count: (name: string, by = 1) => void counts.set(name, (counts.get(name) ?? 0) + by),
    observe: () => {},
  },
  now: () => Date.now() + clock.ms,
  db: stage.db,
  exclusively: exclusivelyBy(stage.pool),
  incompleteDays: 7,
  chunkDays: 3,
}
const bytes = openRecordingBytes(deps)
const other = openRecordingBytes(deps)

const { announced, readAll, keysOf, whole, projected } = recordingsOn(stage, objects, project)

test('a chunk counts when it is there as it was announced, and not before', async () => {
  const one = await announced([Buffer.from('one'), Buffer.from('two')])
  await bytes.look(one.place)
  assert.equal((await one.state()).chunks.stored, [])
  await one.put(2)
  bytes.hint(one.place, [2])
  await settled(async () => (await one.state()).chunks.stored.length > 0, 'chunk 2')
  assert.equal((await one.state()).chunks.stored, [[2, 2]])
})

test('a wrong one is refused and taken away, and the next attempt has another key', async () => {
  const one = await announced([Buffer.from('one'), Buffer.from('two')])
  await one.put(1, Buffer.from('eno'))
  await one.put(2, Buffer.from('longer'))
  await bytes.look(one.place)
  assert.equal((await one.state()).chunks.stored, [])
  assert.equal(await keysOf(one), [])
  await one.put(1, Buffer.from('one'), 1)
  await one.put(2, Buffer.from('two'), 1)
  await bytes.look(one.place)
  assert.equal((await one.state()).chunks.stored, [[1, 2]])
})

test('what is complete becomes one object, once, however many nodes are told', async () => {
  const bodies = [Buffer.from('one,'), Buffer.from('two,'), Buffer.alloc(100_000, 'three')]
  const one = await announced(bodies)
  for (const index of [3, 1, 2]) await one.put(index)
  await one.finish()
  await Promise.all([bytes.look(one.place), other.look(one.place), bytes.look(one.place)])
  assert.equal(await whole(one), Buffer.concat(bodies))
  const { end } = await one.state()
  assert.is(end?.kind === 'stitched' && end.merkleRoot, rootOfChunks(bodies.map(sha256Of)))
  const events = await stage.store.readStream(recordingStream(project, one.place.recording))
  assert.is(events.filter(({ type }) => type === 'RecordingStitched').length, 1)
})

test('large chunks are copied within the store, large recordings written in parts', async () => {
  const large = [Buffer.alloc(5_242_880, 1), Buffer.alloc(5_242_880, 2), Buffer.from('end')]
  const copied = await announced(large, 'pcm_s16le')
  const parts = [Buffer.alloc(5_000_000, 3), Buffer.alloc(5_000_000, 4), Buffer.alloc(3, 5)]
  const streamed = await announced(parts, 'aac')
  for (const one of [copied, streamed]) {
    for (const index of [1, 2, 3]) await one.put(index)
    await one.finish()
    await bytes.look(one.place)
  }
  assert.ok((await whole(copied)).equals(Buffer.concat(large)))
  assert.ok((await whole(streamed)).equals(Buffer.concat(parts)))
})

test('Opus becomes one stream, also where nobody said that it is Opus', async () => {
  const one = await announced(opusChunks, null)
  for (const index of [1, 2]) await one.put(index)
  await one.finish()
  await bytes.look(one.place)
  const body = await whole(one)
  assert.is(body.length, Buffer.concat(opusChunks).length)
})

test('what is no Opus fails with the chunk and the reason, and keeps its chunks', async () => {
  const chunks = [headers(1), Buffer.from('no pages of Ogg')]
  const one = await announced(chunks, 'opus')
  for (const index of [1, 2]) await one.put(index)
  await one.finish()
  await bytes.look(one.place)
  await settled(async () => (await one.state()).end !== null, 'its end')
  assert.equal((await one.state()).end, { kind: 'failed', reason: 'chunk_2_not_ogg' })
  assert.is((await keysOf(one)).length, 2)
})

test('a counted chunk that is gone or changed is asked for again, and the recording ends whole', async () => {
  const one = await announced([Buffer.from('one'), Buffer.from('two'), Buffer.from('six')])
  for (const index of [1, 2, 3]) await one.put(index)
  await bytes.look(one.place)
  assert.equal((await one.state()).chunks.stored, [[1, 3]])
  await objects.delete([one.keyOf(1)])
  await objects.delete([one.keyOf(2)])
  await one.put(2, Buffer.from('TWO'))
  await one.finish()
  for (const missing of [1, 2]) {
    await bytes.look(one.place)
    await settled(async () => (await one.state()).chunks.stored[0]?.[0] !== 1 || missing === 2, '')
    await settled(async () => bytes.waiting() === 0, 'rest')
    const { chunks } = await one.state()
    assert.is(
      chunks.stored.some(([from, to]) => from <= missing && missing <= to),
      false,
    )
    await one.put(missing)
  }
  await bytes.look(one.place)
  assert.equal(await whole(one), Buffer.from('onetwosix'))
})

test('the sweep finds what nobody told of', async () => {
  const arrived = await announced([Buffer.from('a')])
  await arrived.put(1)
  await arrived.finish()
  const lost = await announced([Buffer.from('b'), Buffer.from('c')])
  await lost.put(1)
  await bytes.look(lost.place)
  await objects.delete([lost.keyOf(1)])
  await projected(arrived, ({ finished_at }) => finished_at !== null)
  await projected(lost, ({ stored }) => JSON.stringify(stored) === '[[1,1]]')
  await bytes.sweep()
  assert.equal(await whole(arrived), Buffer.from('a'))
  assert.equal((await lost.state()).chunks.stored, [])
})

test('an object that is lost after all is made again of its chunks, and else it is said', async () => {
  const one = await announced([Buffer.from('one'), Buffer.from('two')])
  for (const index of [1, 2]) await one.put(index)
  await one.finish()
  await bytes.look(one.place)
  assert.equal(await whole(one), Buffer.from('onetwo'))
  await projected(one, ({ stage: at }) => at === 'uploaded')
  const key = `${recordingPrefix(project, one.place.recording)}recording.mp3`
  const said = (counted: string) => counts.get(counted) ?? 0
  const before = said('recordings_lost_total')
  await objects.delete([key])
  await bytes.sweep()
  assert.equal(await readAll(key), Buffer.from('onetwo'))
  assert.ok(said('recordings_made_again_total') >= 1)
  await objects.delete([key, one.keyOf(2)])
  await bytes.sweep()
  assert.ok(!(await keysOf(one)).includes(key))
  assert.is(said('recordings_lost_total'), before + 1)
  assert.is((await one.state()).end?.kind, 'stitched')
  await one.remove()
})

test('past their time gaps are named, chunks and deleted recordings taken away', async () => {
  const gaps = await announced([Buffer.from('a'), Buffer.from('b'), Buffer.from('c')])
  await gaps.put(2)
  await gaps.finish()
  const done = await announced([Buffer.from('x'), Buffer.from('y')])
  for (const index of [1, 2]) await done.put(index)
  await done.finish()
  await bytes.look(done.place)
  await whole(done)
  const gone = await announced([Buffer.from('z')])
  await gone.put(1)
  await gone.remove()
  await projected(gaps, ({ finished_at }) => finished_at !== null)
  await projected(done, ({ closed_at }) => closed_at !== null)
  await projected(gone, ({ deleted_at }) => deleted_at !== null)
  clock.ms = 3 * dayMs - 60_000
  await bytes.sweep()
  assert.equal(await keysOf(gone), [])
  assert.is((await keysOf(done)).length, 3)
  assert.is((await gaps.state()).end, null)
  clock.ms = 7 * dayMs + 1_000
  await bytes.sweep()
  assert.equal(await keysOf(done), [
    `${recordingPrefix(project, done.place.recording)}recording.mp3`,
  ])
  assert.equal((await gaps.state()).end, {
    kind: 'incomplete',
    missing: [
      [1, 1],
      [3, 3],
    ],
  })
  clock.ms = 0
})

test.after(async () => {
  await Promise.all([bytes.close(), other.close()])
  await projector.close()
  objects.close()
  await target.end()
  await stage.end()
})
test.run()

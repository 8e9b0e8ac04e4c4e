import { randomBytes } from 'node:crypto'
import fc from 'fast-check'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { awaitedChunksOf, chunksOf } from '../../projections/recording-chunks.ts'
import {
  closedRecordingsOf,
  listRecordings,
  openRecordingsOf,
  readRecording,
  recordingsAtWork,
} from '../../projections/recordings.ts'
import type { RecordingEvent } from '../../protocol/events/lifecycle.ts'
import { newId, type ProjectId, type RecordingId } from '../../protocol/ids.ts'
import { removedRowsMax } from '../../protocol/limits.ts'
import { type Decision, yielding } from '../../src/domain/decision.ts'
import * as endUser from '../../src/domain/end-user.ts'
import { awaited, everyChunk } from '../../src/domain/recording/chunks.ts'
import { announce, finish, start } from '../../src/domain/recording/device-decisions.ts'
import * as found from '../../src/domain/recording/object-decisions.ts'
import { assign, remove, update } from '../../src/domain/recording/owner-decisions.ts'
import { type Recording, recording } from '../../src/domain/recording/state.ts'
import { stageOf, statusOf } from '../../src/domain/recording/status.ts'
import { endUserStream, recordingStream } from '../../src/store/streams.ts'
import {
  chunk,
  finishArgs,
  foundMedia,
  mediaNamed,
  ofAnn,
  ofNobody,
  pin,
  found as put,
  sha256Of,
  startArgs,
  stitchedObject,
} from '../domain/recording/sample.ts'
import { endUserNamed } from '../domain/sample.ts'
import { openStage } from '../support/stage.ts'
import { until } from '../support/until.ts'

const test = suite('read models of recordings')
const stage = await openStage()
const { ledger, db, by } = stage
const projector = stage.projector()
const project = await stage.world()

type Step = (state: Recording) => Decision<unknown, RecordingEvent>
const newRecording = () => newId('rec_', randomBytes)

const take = async (id: RecordingId, ...steps: readonly Step[]) => {
  const stream = recordingStream(project, id)
  let position = 0n
  for (const step of steps) {
    const done = await ledger.transact(stream, recording, () => step, by(project))
    if (done.kind === 'done') position = done.position ?? 0n
  }
  assert.ok(await projector.waitFor(position, 10_000), projector.health().detail)
  return (await ledger.read(stream, recording)).state
}

const begin = (id: RecordingId, change: Parameters<typeof startArgs>[0] = {}): Step =>
  start(startArgs({ recordingId: id, ...change }))
const say = (id: RecordingId, ...indices: readonly number[]): Step =>
  announce({ begin: startArgs({ recordingId: id }), chunks: indices.map((i) => chunk(i)) })
const store = (...indices: readonly number[]): Step =>
  found.storeChunks({ chunks: indices.map((i) => put(i)) })
const end = (total: number): Step => finish({ ...finishArgs(total), deviceId: pin })

/** The rows say what the stream says. */
const agree = async (id: RecordingId, state: Recording): Promise<void> => {
  assert.ok(state.kind === 'known')
  const row = await db
    .selectFrom('live.recordings')
    .selectAll()
    .where('id', '=', id)
    .executeTakeFirst()
  assert.ok(row)
  assert.equal(
    [row.status, row.stage, row.end_user_id, row.quarantine_reason, row.codec, row.started_at],
    [
      statusOf(state),
      stageOf(state),
      state.endUserId,
      state.quarantineReason,
      state.codec,
      state.startedAt,
    ],
  )
  assert.equal([row.announced, row.stored], [state.chunks.announced, state.chunks.stored])
  assert.is(row.total_chunks, state.finish?.totalChunks ?? null)
  assert.equal([row.created_at, row.updated_at], [state.createdAt, state.updatedAt])
  const rows = await chunksOf(db, id, { after: 0, limit: 1_000 })
  const chunks = state.deletedAt === null ? [...everyChunk(state.chunks)] : []
  assert.equal(
    rows.map((one) => [one.index, Number(one.bytes), one.sha256, one.attempt, one.object]),
    chunks.map((one) => [one.index, one.bytes, one.sha256, one.attempt, one.object]),
  )
  const wanted = state.deletedAt === null ? awaited(state.chunks, 5) : []
  assert.equal(
    (await awaitedChunksOf(db, id, 5)).map(({ index }) => index),
    wanted.map(({ index }) => index),
  )
}

test('whatever happens to recordings, their rows are the folds of their streams, and so is a rebuild', async () => {
  const some = fc.array(fc.integer({ min: 1, max: 9 }), { minLength: 1, maxLength: 4 })
  type StepOf = (id: RecordingId) => Step
  const always = (step: Step) => fc.constant<StepOf>(() => step)
  const step: fc.Arbitrary<StepOf> = fc.oneof(
    {
      weight: 4,
      arbitrary: some.map(
        (indices): StepOf =>
          (id) =>
            say(id, ...indices),
      ),
    },
    {
      weight: 4,
      arbitrary: some.map(
        (indices): StepOf =>
          () =>
            store(...indices),
      ),
    },
    {
      weight: 2,
      arbitrary: fc
        .tuple(fc.integer({ min: 1, max: 9 }), fc.constantFrom('lost', 'checksum_mismatch'))
        .map(([index, why]): StepOf => {
          const reason = why as 'lost' | 'checksum_mismatch'
          const refused = { index, sha256: sha256Of(index), reason, attempt: 0 }
          return () => found.refuseChunk(refused)
        }),
    },
    fc.constant<StepOf>(begin),
    always(finish({ ...finishArgs(9), deviceId: pin, ownerOf: () => ofNobody })),
    always(assign({ endUserId: endUserNamed('bob') })),
    always(found.stitch(stitchedObject)),
  )
  const walks = fc.sample(fc.array(step, { minLength: 3, maxLength: 14 }), 12)
  for (const walk of walks) {
    const id = newRecording()
    const ownerOf = () => (walk.length % 2 === 0 ? ofNobody : ofAnn)
    const codec = walk.length % 3 === 0 ? null : 'opus'
    await agree(id, await take(id, begin(id, { ownerOf, codec }), ...walk.map((of) => of(id))))
  }
  const outcome = await projector.rebuild(['recordings', 'recording_chunks'])
  assert.ok(outcome.kind === 'rebuilt' && outcome.models.every(({ equal }) => equal))
})

test('files, a failure, a gap for ever and a deletion', async () => {
  const http = { source: 'http', codec: null, deviceId: null } as const
  const [filed, failed, given, gone] = [
    newRecording(),
    newRecording(),
    newRecording(),
    newRecording(),
  ] as const
  const file = found.announceMedia({
    mediaId: mediaNamed('a'),
    type: 'audio',
    contentType: 'audio/mpeg',
  })
  const stored = found.storeMedia({ media: [foundMedia('a')] })
  await agree(filed, await take(filed, begin(filed, http), file, stored))
  assert.equal(
    (await readRecording(db, project, filed))?.media.map(({ object }) => object),
    ['key of a'],
  )
  await agree(failed, await take(failed, say(failed, 1), found.fail({ reason: 'not_ogg' })))
  assert.is((await readRecording(db, project, failed))?.failure_reason, 'not_ogg')
  const late = (state: Recording) =>
    found.giveUp({ at: '2999-01-01T00:00:00.000Z' as never, afterMs: 1 })(state)
  await agree(given, await take(given, say(given, 2), end(3), store(2), late))
  assert.equal((await readRecording(db, project, given))?.missing, [
    [1, 1],
    [3, 3],
  ])
  await agree(gone, await take(gone, say(gone, 1, 2), store(1), remove()))
  assert.is(await readRecording(db, project, gone), undefined)
  const outcome = await projector.rebuild(['recordings', 'recording_chunks'])
  assert.ok(outcome.kind === 'rebuilt' && outcome.models.every(({ equal }) => equal))
})

test('the chunks of a deleted recording go, as many as one statement takes and one more', async () => {
  for (const count of [removedRowsMax, removedRowsMax + 1]) {
    const [id, other] = [newRecording(), newRecording()]
    const all = Array.from({ length: count }, (_, at) => at + 1)
    const kept = await take(other, say(other, 1, 2))
    await agree(id, await take(id, say(id, ...all), store(1), remove()))
    await agree(other, kept)
  }
})

test('what people wrote is opened under the key that it names, and forgotten with who wrote it', async () => {
  const person = newId('eu_', randomBytes)
  const created = await stage.sealFor(project, person, { name: 'Ann' })
  const create = () => endUser.create({ endUserId: person, sealed: created })
  await ledger.transact(endUserStream(project, person), endUser.endUser, create, by(project))
  const [own, theirs] = [newRecording(), newRecording()]
  const first = await stage.sealFor(project, person, { name: 'Call', metadata: { room: 'N' } })
  const renamed = await stage.sealFor(project, person, { name: 'Second call' })
  await take(own, begin(own, { sealed: first, sealedFor: person }))
  await take(own, update({ sealed: renamed, sealedFor: person }))
  const row = await readRecording(db, project, own)
  assert.equal([row?.name, row?.metadata], ['Second call', { room: 'N' }])
  const keyless = await stage.sealFor(project, theirs, { name: 'Nobody knows' })
  await take(theirs, begin(theirs, { sealed: keyless }))
  const erased = await ledger.transact(
    endUserStream(project, person),
    endUser.endUser,
    () => () => yielding({ kind: 'erased' }, { type: 'EndUserErased', data: {} } as const),
    by(project),
  )
  assert.ok(erased.kind === 'done')
  assert.ok(await projector.waitFor(erased.position ?? 0n, 10_000))
  const forgotten = await readRecording(db, project, own)
  assert.equal([forgotten?.name, forgotten?.metadata], [null, {}])
  assert.is((await readRecording(db, project, theirs))?.name, 'Nobody knows')
})

test('a device goes on with what is open, and hears of what is over; lists filter and page', async () => {
  const world: ProjectId = await stage.world()
  const device = newId('dev_', randomBytes)
  const ids: RecordingId[] = []
  for (let i = 0; i < 3; i += 1) {
    const id = newRecording()
    ids.push(id)
    const stream = recordingStream(world, id)
    const steps: Step[] = [
      start(startArgs({ recordingId: id, deviceId: device })),
      ...(i === 1 ? [found.fail({ reason: 'not_ogg' })] : []),
    ]
    for (const step of steps) await ledger.transact(stream, recording, () => step, by(world))
  }
  const all = () => listRecordings(db, world, { limit: 10 })
  await until(async () => (await all()).length === 3, { what: 'the recordings' })
  await until(async () => (await readRecording(db, world, ids[1] ?? ''))?.status === 'failed', {
    what: 'the failed one',
  })
  const idsOf = (rows: readonly { readonly id: string }[]) => rows.map(({ id }) => id)
  assert.equal(idsOf(await all()), ids.toReversed())
  const open = await openRecordingsOf(db, world, { deviceId: device, limit: 1 })
  assert.equal(idsOf(open), [ids[0]])
  const since = '2000-01-01T00:00:00.000Z'
  const over = await closedRecordingsOf(db, world, { deviceId: device, since, limit: 9 })
  assert.equal(idsOf(over), [ids[1]])
  for (const [filter, count] of [
    [{ status: 'failed' }, 1],
    [{ deviceId: device }, 3],
    [{ deviceId: pin }, 0],
    [{ endUserId: ofAnn.endUserId ?? '' }, 3],
  ] as const)
    assert.is((await listRecordings(db, world, { limit: 10, filter })).length, count)
  assert.equal(await listRecordings(db, project, { limit: 1, filter: { deviceId: device } }), [])
  assert.equal(await listRecordings(stage.reads(project), world, { limit: 9 }), [])
  assert.equal(await chunksOf(stage.reads(world), ids[0] ?? '', { after: 0, limit: 9 }), [])
})

test('how many are open and how old the oldest gap is', async () => {
  const before = await recordingsAtWork(db)
  const id = newRecording()
  await take(id, say(id, 1))
  const after = await recordingsAtWork(db)
  assert.is(after.open, before.open + 1)
  assert.ok(after.oldestGapAt !== null)
})

test.after(async () => {
  await projector.close()
  await stage.end()
})

test.run()

import * as fc from 'fast-check'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import type { RecordingEvent } from '../../../protocol/events/lifecycle.ts'
import { chunkIndexMax, watermarkRangesMax } from '../../../protocol/limits.ts'
import type { Decision } from '../../../src/domain/decision.ts'
import { awaited, chunkAt, everyChunk } from '../../../src/domain/recording/chunks.ts'
import { announce, finish } from '../../../src/domain/recording/device-decisions.ts'
import { refuseChunk, storeChunks } from '../../../src/domain/recording/object-decisions.ts'
import {
  type KnownRecording,
  type Recording,
  recording,
} from '../../../src/domain/recording/state.ts'
import { isComplete, stageOf, statusOf, watermarkOf } from '../../../src/domain/recording/status.ts'
import { folded, second } from '../table.ts'
import {
  announced,
  assigned,
  chunk,
  deleted,
  failed,
  finishArgs,
  finished,
  found,
  incomplete,
  mediaAnnounced,
  mediaStored,
  ofNobody,
  pin,
  refused,
  sha256Of,
  startArgs,
  started,
  stitched,
  stored,
} from './sample.ts'

const test = suite('the fold of a recording')

const known = (events: readonly RecordingEvent[]): KnownRecording => {
  const state = folded(recording, events)
  if (state.kind !== 'known') throw new Error('it never started')
  return state
}

type Step = (state: Recording) => Decision<unknown, RecordingEvent>

/** What comes of asking for all of that, one after the other. */
const decided = (steps: readonly Step[], from: readonly RecordingEvent[] = [started()]) => {
  const events = [...from]
  let state = folded(recording, events)
  for (const step of steps) {
    const made = step(state).events.map((event, k) => ({ ...event, at: second(events.length + k) }))
    events.push(...made)
    state = made.reduce(recording.evolve, state)
  }
  return state
}

const total = 12
const say = (indices: readonly number[]): Step =>
  announce({ begin: startArgs(), chunks: indices.map((index) => chunk(index)) })
const put = (indices: readonly number[]): Step =>
  storeChunks({ chunks: indices.map((index) => found(index)) })
const all = Array.from({ length: total }, (_, i) => i + 1)
const some = fc.array(fc.integer({ min: 1, max: total }), { minLength: 1, maxLength: 6 })

/** All that matters of it: times apart, which are those of its events. */
const essence = (state: Recording) => {
  assert.ok(state.kind === 'known')
  const chunks = [...everyChunk(state.chunks)].map(({ announcedAt: _, ...one }) => one)
  const { announced: names, stored: kept, storedBytes } = state.chunks
  return { chunks, names, kept, storedBytes, watermark: watermarkOf(state), stage: stageOf(state) }
}

test('any order and any repeats of announcements and findings end in the same recording', () => {
  void fc.assert(
    fc.property(
      fc.array(some, { maxLength: 12 }),
      fc.array(some, { maxLength: 12 }),
      (said, found) => {
        const mixed = [...said.map(say), ...found.map(put)]
        const end: Step = finish({ ...finishArgs(total), deviceId: pin })
        // Every chunk comes at last, in whatever state the mixture left it.
        const one = decided([...mixed, say(all), put(all), end])
        const other = decided([say(all), ...mixed.toReversed(), end, put(all)])
        assert.equal(essence(one), essence(other))
        assert.is(essence(one).stage, 'stitching')
      },
    ),
  )
})

test('nothing up to the watermark is missing, and what is missing is all that is not stored', () => {
  const step = fc.oneof(
    some.map((indices) => say(indices)),
    some.map((indices) => put(indices)),
    fc.tuple(fc.integer({ min: 1, max: total }), fc.constantFrom('lost', 'checksum_mismatch')).map(
      ([index, reason]): Step =>
        refuseChunk({
          index,
          reason: reason as 'lost' | 'checksum_mismatch',
          sha256: sha256Of(index),
          attempt: 0,
        }),
    ),
    fc.constant<Step>(finish({ ...finishArgs(total), deviceId: pin })),
  )
  void fc.assert(
    fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
      const state = decided(steps)
      assert.ok(state.kind === 'known')
      const { storedUpTo, missing, isComplete: whole } = watermarkOf(state)
      const isStored = (index: number) => chunkAt(state.chunks, index)?.object != null
      assert.ok(all.slice(0, storedUpTo).every(isStored))
      const end = state.finish
        ? total
        : Math.max(0, ...[...everyChunk(state.chunks)].map((c) => c.index))
      const gaps = all.slice(0, end).filter((index) => !isStored(index))
      const named = all.filter((n) => missing.some(([from, to]) => from <= n && n <= to))
      assert.equal(named, gaps)
      assert.is(whole, state.finish !== null && gaps.length === 0)
      const wanted = awaited(state.chunks, total).map(({ index }) => index)
      assert.equal(
        wanted,
        [...everyChunk(state.chunks)].flatMap((c) => (c.object ? [] : [c.index])),
      )
      const bytes = [...everyChunk(state.chunks)].filter((c) => c.object !== null)
      assert.is(
        state.chunks.storedBytes,
        bytes.reduce((sum, c) => sum + c.bytes, 0),
      )
    }),
  )
})

const both = [started(), announced(chunk(1), chunk(2))]
const whole = [...both, stored(1, 2), finished(2)]
const http = started({ source: 'http', codec: null })
const stages: readonly [status: string, events: readonly RecordingEvent[]][] = [
  ['recording', [started()]],
  ['pending', [http]],
  ['recording', [http, announced(chunk(1))]],
  ['recording', [...both, stored(1)]],
  ['recording', [...both, stored(1, 2)]],
  ['recording', [...both, stored(1), finished(2)]],
  ['stitching', whole],
  ['recording', [...whole, refused(2, 'lost')]],
  ['uploaded', [...whole, stitched]],
  ['incomplete', [...both, finished(2), incomplete([1, 2])]],
  ['failed', [...whole, failed]],
  ['pending', [http, mediaAnnounced('a')]],
  // A file whose URL was given in vain does not hold up the other.
  ['uploaded', [http, mediaAnnounced('a'), mediaAnnounced('b'), mediaStored('a')]],
  ['uploaded', [http, mediaAnnounced('a'), mediaStored('a')]],
  ['quarantined', [started({ ownerOf: () => ofNobody })]],
  ['quarantined', [started({ ownerOf: () => ofNobody }), ...whole.slice(1), stitched]],
  [
    'uploaded',
    [started({ ownerOf: () => ofNobody }), ...whole.slice(1), stitched, assigned('bob')],
  ],
  ['deleted', [...whole, deleted]],
]
for (const [status, events] of stages)
  test(`${status} after ${events.map(({ type }) => type).join(', ')}`, () => {
    assert.is(statusOf(known(events)), status)
  })

test('a chunk that was wrong is put under another key, a lost one under the same', () => {
  const attempts = [
    [...both, refused(2, 'checksum_mismatch')],
    [...both, refused(2, 'checksum_mismatch'), refused(2, 'length_mismatch')],
    [...both, stored(2), refused(2, 'lost')],
  ].map((events) => chunkAt(known(events).chunks, 2)?.attempt)
  assert.equal(attempts, [1, 2, 0])
})

test('a recording of 100,000 chunks is folded in little time, and its last chunk counts', () => {
  const batch = 64
  let state: Recording = known([started()])
  const began = performance.now()
  for (let first = 1; first <= chunkIndexMax; first += batch) {
    const indices = Array.from({ length: batch }, (_, i) => first + i).filter(
      (index) => index <= chunkIndexMax,
    )
    for (const event of [announced(...indices.map((index) => chunk(index))), stored(...indices)])
      state = recording.evolve(state, { ...event, at: second(1) })
  }
  state = recording.evolve(state, { ...finished(chunkIndexMax), at: second(2) })
  assert.ok(state.kind === 'known')
  assert.is(watermarkOf(state).storedUpTo, chunkIndexMax)
  assert.ok(isComplete(state))
  // 3,126 events: a few seconds would mean that each copies the whole.
  assert.ok(performance.now() - began < 20_000)
})

test('a watermark names the lowest gaps, as many as it may', () => {
  const odd = (count: number) => Array.from({ length: count }, (_, i) => 2 * (i + 1))
  const gapsOf = (indices: readonly number[]) =>
    watermarkOf(known([started(), announced(...indices.map((i) => chunk(i))), stored(...indices)]))
      .missing
  assert.is(gapsOf(odd(watermarkRangesMax)).length, watermarkRangesMax)
  const more = gapsOf(odd(watermarkRangesMax + 1))
  assert.is(more.length, watermarkRangesMax)
  assert.equal(more[0], [1, 1])
})

test.run()

import { suite } from 'uvu'
import type { RecordingEvent } from '../../../protocol/events/lifecycle.ts'
import {
  type FailOutcome,
  fail,
  type GiveUpOutcome,
  giveUp,
  type RefusedOutcome,
  refuseChunk,
  type StitchOutcome,
  type StoredOutcome,
  stitch,
  storeChunks,
} from '../../../src/domain/recording/object-decisions.ts'
import { type Recording, recording } from '../../../src/domain/recording/state.ts'
import { judge, type Row, second } from '../table.ts'
import {
  announced,
  chunk,
  deleted,
  failed,
  finished,
  found,
  incomplete,
  refused,
  sha256Of,
  started,
  stitched,
  stitchedObject,
  stored,
} from './sample.ts'

const test = suite('what was found of a recording')

type Of<Outcome> = readonly Row<Outcome, RecordingEvent, Recording>[]
const unknown = { kind: 'refused', because: 'unknown-recording' } as const
const closed = { kind: 'refused', because: 'closed' } as const
const known = { again: { outcome: { kind: 'known' } } } as const

const two = [started(), announced(chunk(1), chunk(2))]
const whole = [...two, stored(1, 2), finished(2)]
const find = (...indices: readonly number[]) =>
  storeChunks({ chunks: indices.map((index) => found(index)) })

const findings: Of<StoredOutcome> = [
  { name: 'of an unknown recording', given: [], when: find(1), outcome: unknown },
  {
    name: 'as they were announced, one of them twice',
    given: two,
    when: find(2, 1, 2),
    outcome: { kind: 'stored', fresh: [2, 1] },
    events: [stored(2, 1)],
    again: { outcome: { kind: 'known', fresh: [] } },
  },
  {
    name: 'one that is stored and one that was never announced',
    given: [...two, stored(1)],
    when: find(1, 3),
    outcome: { kind: 'known', fresh: [] },
  },
  {
    name: 'with another content than was announced',
    given: two,
    when: storeChunks({ chunks: [found(1, 'b')] }),
    outcome: { kind: 'known', fresh: [] },
  },
  {
    name: 'again after it was lost',
    given: [...two, stored(1), refused(1, 'lost')],
    when: find(1),
    outcome: { kind: 'stored', fresh: [1] },
    events: [stored(1)],
    again: { outcome: { kind: 'known', fresh: [] } },
  },
  ...[stitched, failed, incomplete([1, 1]), deleted].map((ended) => ({
    name: `after ${ended.type}`,
    given: [...two, ended],
    when: find(1),
    outcome: closed,
  })),
]

const wrong = (
  index: number,
  reason: 'length_mismatch' | 'checksum_mismatch' | 'lost',
  attempt = 0,
) => refuseChunk({ index, sha256: sha256Of(index), reason, attempt })
const told = { kind: 'refused-chunk' } as const
const refusals: Of<RefusedOutcome> = [
  { name: 'of an unknown recording', given: [], when: wrong(1, 'lost'), outcome: unknown },
  {
    name: 'one with another content',
    given: two,
    when: wrong(1, 'checksum_mismatch'),
    outcome: told,
    events: [refused(1, 'checksum_mismatch')],
    ...known,
  },
  {
    name: 'the next attempt, too',
    given: [...two, refused(1, 'length_mismatch')],
    when: wrong(1, 'length_mismatch', 1),
    outcome: told,
    events: [refused(1, 'length_mismatch')],
    ...known,
  },
  {
    name: 'one that is stored by now',
    given: [...two, stored(1)],
    when: wrong(1, 'checksum_mismatch'),
    outcome: { kind: 'known' },
  },
  {
    name: 'one that is stored and gone',
    given: [...two, stored(1)],
    when: wrong(1, 'lost'),
    outcome: told,
    events: [refused(1, 'lost')],
    ...known,
  },
  {
    name: 'one that is gone and was never stored',
    given: two,
    when: wrong(1, 'lost'),
    outcome: { kind: 'known' },
  },
  {
    name: 'one that was never announced',
    given: two,
    when: wrong(3, 'checksum_mismatch'),
    outcome: { kind: 'known' },
  },
  {
    name: 'one whose pieces are together by now',
    given: [...whole, stitched],
    when: wrong(1, 'lost'),
    outcome: closed,
  },
]

const together = stitch(stitchedObject)
const stitches: Of<StitchOutcome> = [
  { name: 'of an unknown recording', given: [], when: together, outcome: unknown },
  {
    name: 'of a whole one',
    given: whole,
    when: together,
    outcome: { kind: 'stitched' },
    events: [stitched],
    ...known,
  },
  {
    name: 'of one that goes on',
    given: [...two, stored(1, 2)],
    when: together,
    outcome: { kind: 'refused', because: 'not-complete' },
  },
  {
    name: 'of one with a gap',
    given: [...two, stored(2), finished(2)],
    when: together,
    outcome: { kind: 'refused', because: 'not-complete' },
  },
  {
    name: 'of one that lost a chunk since',
    given: [...whole, refused(1, 'lost')],
    when: together,
    outcome: { kind: 'refused', because: 'not-complete' },
  },
  ...[failed, deleted].map((ended) => ({
    name: `after ${ended.type}`,
    given: [...whole, ended],
    when: together,
    outcome: closed,
  })),
  {
    name: 'of one that was put together and deleted',
    given: [...whole, stitched, deleted],
    when: together,
    outcome: closed,
  },
]

const failures: Of<FailOutcome> = [
  { name: 'an unknown one', given: [], when: fail({ reason: 'not_ogg' }), outcome: unknown },
  {
    name: 'a whole one',
    given: whole,
    when: fail({ reason: 'not_ogg' }),
    outcome: { kind: 'failed' },
    events: [failed],
    ...known,
  },
  {
    name: 'one that was put together',
    given: [...whole, stitched],
    when: fail({ reason: 'not_ogg' }),
    outcome: closed,
  },
]

// The finish is the third event, at second 2.
const afterMs = 7_000
const late = giveUp({ at: second(9), afterMs })
const gaps: Of<GiveUpOutcome> = [
  { name: 'an unknown one', given: [], when: late, outcome: unknown },
  {
    name: 'one that goes on',
    given: two,
    when: late,
    outcome: { kind: 'refused', because: 'not-finished' },
  },
  {
    name: 'just before its time is up',
    given: [...two, finished(2)],
    when: giveUp({ at: second(8), afterMs }),
    outcome: { kind: 'refused', because: 'too-early' },
  },
  {
    name: 'when its time is up: the gaps are named',
    given: [started(), announced(chunk(2), chunk(4)), finished(7), stored(2)],
    when: late,
    outcome: { kind: 'incomplete' },
    events: [incomplete([1, 1], [3, 7])],
    ...known,
  },
  {
    name: 'a whole one',
    given: whole,
    when: giveUp({ at: second(99), afterMs }),
    outcome: { kind: 'refused', because: 'complete' },
  },
  { name: 'a failed one', given: [...two, failed], when: late, outcome: closed },
]

for (const row of findings) test(`chunks are stored: ${row.name}`, () => judge(recording, row))
for (const row of refusals) test(`a chunk is refused: ${row.name}`, () => judge(recording, row))
for (const row of stitches) test(`stitched: ${row.name}`, () => judge(recording, row))
for (const row of failures) test(`fails: ${row.name}`, () => judge(recording, row))
for (const row of gaps) test(`given up: ${row.name}`, () => judge(recording, row))

test.run()

import { suite } from 'uvu'
import type { RecordingEvent } from '../../../protocol/events/lifecycle.ts'
import {
  type AnnounceOutcome,
  announce,
  type FinishOutcome,
  finish,
  type StartOutcome,
  start,
} from '../../../src/domain/recording/device-decisions.ts'
import { type Recording, recording } from '../../../src/domain/recording/state.ts'
import { deviceNamed } from '../sample.ts'
import { judge, type Row, second } from '../table.ts'
import {
  announced,
  assigned,
  chunk,
  deleted,
  failed,
  finishArgs,
  finished,
  incomplete,
  ofAnn,
  ofNobody,
  ownerDecided,
  pin,
  startArgs,
  started,
  stitched,
  stored,
} from './sample.ts'

const test = suite('what devices say of a recording')

type Of<Outcome> = readonly Row<Outcome, RecordingEvent, Recording>[]
const known = { again: { outcome: { kind: 'known' } } } as const
const fromChunks = { codec: null, sampleRate: null } as const

const starts: Of<StartOutcome> = [
  {
    name: 'a new one',
    given: [],
    when: start(startArgs()),
    outcome: { kind: 'started' },
    events: [started()],
    ...known,
  },
  {
    name: 'one in doubt',
    given: [],
    when: start(startArgs({ ownerOf: () => ofNobody })),
    outcome: { kind: 'started' },
    events: [started({ ownerOf: () => ofNobody })],
    ...known,
  },
  {
    name: 'one that is there, said otherwise: the first stands',
    given: [started()],
    when: start(startArgs({ codec: 'mp3', startedAt: second(9) })),
    outcome: { kind: 'known' },
  },
  {
    name: "another device's",
    given: [started()],
    when: start(startArgs({ deviceId: deviceNamed('other') })),
    outcome: { kind: 'refused', because: 'other-device' },
  },
  {
    name: 'one that began with its chunks',
    given: [started(fromChunks), announced(chunk(1))],
    when: start(startArgs({ startedAt: second(3) })),
    outcome: { kind: 'detailed' },
    events: [started({ startedAt: second(3) })],
    ...known,
  },
  {
    name: 'one that began with its chunks and is finished: the whole time says whose it is',
    given: [started(fromChunks), announced(chunk(1)), finished(1)],
    when: start(startArgs({ ownerOf: ({ to }) => (to === second(60) ? ofAnn : ofNobody) })),
    outcome: { kind: 'detailed' },
    events: [started()],
    ...known,
  },
  ...[stitched, failed, incomplete([1, 1]), deleted].map((ended) => ({
    name: `one that began with its chunks, after ${ended.type}`,
    given: [started(fromChunks), ended],
    when: start(startArgs()),
    outcome: { kind: 'known' } as const,
  })),
]

const say = (...indices: readonly number[]) =>
  announce({ begin: startArgs(fromChunks), chunks: indices.map((index) => chunk(index)) })
const said = (fresh: number, of: { conflicting?: number[]; closed?: number[] } = {}) =>
  ({ kind: 'announced', fresh, conflicting: [], closed: [], ...of }) as const
const nothingNew = { again: { outcome: said(0) } }

const announcements: Of<AnnounceOutcome> = [
  {
    name: 'of an unknown recording: it starts it',
    given: [],
    when: say(1, 2),
    outcome: said(2),
    events: [started(fromChunks), announced(chunk(1), chunk(2))],
    ...nothingNew,
  },
  {
    name: 'with gaps, out of order, twice in one message',
    given: [started()],
    when: say(9, 3, 9),
    outcome: said(2),
    events: [announced(chunk(9), chunk(3))],
    ...nothingNew,
  },
  {
    name: 'of one that is known beside one that is new',
    given: [started(), announced(chunk(1))],
    when: say(1, 2),
    outcome: said(1),
    events: [announced(chunk(2))],
    ...nothingNew,
  },
  {
    name: 'with another content than before',
    given: [started(), announced(chunk(1)), stored(1)],
    when: announce({ begin: startArgs(), chunks: [chunk(1, 'b'), chunk(2)] }),
    outcome: said(1, { conflicting: [1] }),
    events: [announced(chunk(2))],
    again: { outcome: said(0, { conflicting: [1] }) },
  },
  {
    name: 'with another length than before',
    given: [started(), announced(chunk(1))],
    when: announce({ begin: startArgs(), chunks: [{ ...chunk(1), bytes: 1 }] }),
    outcome: said(0, { conflicting: [1] }),
  },
  {
    name: 'of two contents in one message: the first counts',
    given: [started()],
    when: announce({ begin: startArgs(), chunks: [chunk(1), chunk(1, 'b')] }),
    outcome: said(1, { conflicting: [1] }),
    events: [announced(chunk(1))],
    again: { outcome: said(0, { conflicting: [1] }) },
  },
  {
    name: "of another device's recording",
    given: [started()],
    when: announce({ begin: startArgs({ deviceId: deviceNamed('other') }), chunks: [chunk(1)] }),
    outcome: { kind: 'refused', because: 'other-device' },
  },
  {
    name: 'after the finish: up to its total, and not past it',
    given: [started(), announced(chunk(1)), finished(3)],
    when: say(1, 2, 3, 4),
    outcome: said(2, { closed: [4] }),
    events: [announced(chunk(2), chunk(3))],
    again: { outcome: said(0, { closed: [4] }) },
  },
  {
    name: 'of what is stored, after it was put together: harmless',
    given: [started(), announced(chunk(1)), stored(1), finished(1), stitched],
    when: say(1, 2),
    outcome: said(0, { closed: [2] }),
  },
  {
    name: 'of what is missing, after it was given up',
    given: [started(), announced(chunk(1), chunk(2)), stored(1), finished(2), incomplete([2, 2])],
    when: say(1, 2),
    outcome: said(0, { closed: [2] }),
  },
  ...[failed, deleted].map((ended) => ({
    name: `after ${ended.type}`,
    given: [started(), announced(chunk(1)), ended],
    when: say(1, 2),
    outcome: said(0, { closed: [1, 2] }),
  })),
]

const end = (totalChunks: number) => finish({ ...finishArgs(totalChunks), deviceId: pin })
const finishes: Of<FinishOutcome> = [
  {
    name: 'of one that nobody announced',
    given: [],
    when: end(1),
    outcome: { kind: 'refused', because: 'unknown-recording' },
  },
  {
    name: 'with chunks that were not announced',
    given: [started(), announced(chunk(1))],
    when: end(3),
    outcome: { kind: 'finished' },
    events: [finished(3)],
    ...known,
  },
  {
    name: 'with fewer chunks than were announced',
    given: [started(), announced(chunk(1), chunk(3))],
    when: end(2),
    outcome: { kind: 'refused', because: 'fewer-than-announced' },
  },
  {
    name: 'another one',
    given: [started(), finished(2)],
    when: end(3),
    outcome: { kind: 'refused', because: 'closed' },
  },
  {
    name: 'the same, after it was put together',
    given: [started(), announced(chunk(1)), stored(1), finished(1), stitched],
    when: end(1),
    outcome: { kind: 'known' },
  },
  {
    name: 'without a chunk',
    given: [started()],
    when: end(0),
    outcome: { kind: 'finished' },
    events: [finished(0), { type: 'RecordingFailed', data: { reason: 'empty' } }],
    ...known,
  },
  {
    name: "of another device's recording",
    given: [started()],
    when: finish({ ...finishArgs(1), deviceId: deviceNamed('other') }),
    outcome: { kind: 'refused', because: 'other-device' },
  },
  {
    name: 'of a deleted one',
    given: [started(), deleted],
    when: end(1),
    outcome: { kind: 'refused', because: 'closed' },
  },
  {
    name: 'with the same owner over the whole time',
    given: [started()],
    when: finish({ ...finishArgs(1), deviceId: pin, ownerOf: () => ofAnn }),
    outcome: { kind: 'finished' },
    events: [finished(1)],
    ...known,
  },
  {
    name: 'in doubt over the whole time',
    given: [started()],
    when: finish({
      ...finishArgs(1),
      deviceId: pin,
      ownerOf: ({ from, to }) => (from === second(0) && to === second(60) ? ofNobody : ofAnn),
    }),
    outcome: { kind: 'finished' },
    events: [finished(1), ownerDecided(ofNobody)],
    ...known,
  },
  {
    name: 'known by now, in doubt at the start',
    given: [started({ ownerOf: () => ofNobody })],
    when: finish({ ...finishArgs(1), deviceId: pin, ownerOf: () => ofAnn }),
    outcome: { kind: 'finished' },
    events: [finished(1), ownerDecided(ofAnn)],
    ...known,
  },
  {
    name: 'after somebody decided whose it is',
    given: [started({ ownerOf: () => ofNobody }), assigned('bob')],
    when: finish({ ...finishArgs(1), deviceId: pin, ownerOf: () => ofAnn }),
    outcome: { kind: 'finished' },
    events: [finished(1)],
    ...known,
  },
]

for (const row of starts) test(`start ${row.name}`, () => judge(recording, row))
for (const row of announcements) test(`announce ${row.name}`, () => judge(recording, row))
for (const row of finishes) test(`finish ${row.name}`, () => judge(recording, row))

test.run()

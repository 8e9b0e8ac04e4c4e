import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import type { RecordingEvent } from '../../../protocol/events/lifecycle.ts'
import {
  type AssignOutcome,
  assign,
  type RemoveOutcome,
  remove,
  type UpdateOutcome,
  update,
} from '../../../src/domain/recording/owner-decisions.ts'
import { type Recording, recording } from '../../../src/domain/recording/state.ts'
import { endUserNamed, sealed } from '../sample.ts'
import { folded, judge, type Row } from '../table.ts'
import { assigned, deleted, ofNobody, ownerDecided, started } from './sample.ts'

const test = suite('what people decide about a recording')

type Of<Outcome> = readonly Row<Outcome, RecordingEvent, Recording>[]
const doubtful = started({ ownerOf: () => ofNobody })
const unknown = { kind: 'refused', because: 'unknown-recording' } as const
const gone = { kind: 'refused', because: 'deleted' } as const
const toBob = assign({ endUserId: endUserNamed('bob') })

const assignments: Of<AssignOutcome> = [
  { name: 'an unknown one', given: [], when: toBob, outcome: unknown },
  {
    name: 'one in doubt',
    given: [doubtful],
    when: toBob,
    outcome: { kind: 'assigned' },
    events: [assigned('bob')],
    again: { outcome: { kind: 'known' } },
  },
  {
    name: 'one that came into doubt',
    given: [started(), ownerDecided(ofNobody)],
    when: toBob,
    outcome: { kind: 'assigned' },
    events: [assigned('bob')],
    again: { outcome: { kind: 'known' } },
  },
  {
    name: "one that is somebody's",
    given: [started()],
    when: toBob,
    outcome: { kind: 'refused', because: 'not-quarantined' },
  },
  {
    name: 'one that was assigned to another',
    given: [doubtful, assigned('ann')],
    when: toBob,
    outcome: { kind: 'refused', because: 'not-quarantined' },
  },
  { name: 'a deleted one', given: [doubtful, deleted], when: toBob, outcome: gone },
]

const removals: Of<RemoveOutcome> = [
  { name: 'an unknown one', given: [], when: remove(), outcome: unknown },
  {
    name: 'one in doubt',
    given: [doubtful],
    when: remove(),
    outcome: { kind: 'deleted' },
    events: [deleted],
    again: { outcome: { kind: 'already-deleted' } },
  },
]

const rename = update({ sealed, sealedFor: endUserNamed('ann') })
const renamed: RecordingEvent = {
  type: 'RecordingUpdated',
  data: { sealed, sealed_for: endUserNamed('ann') },
}
const updates: Of<UpdateOutcome> = [
  { name: 'an unknown one', given: [], when: rename, outcome: unknown },
  {
    name: 'one that is there',
    given: [started()],
    when: rename,
    outcome: { kind: 'updated' },
    events: [renamed],
    // The caller compares what is sealed, which nobody here can open.
    again: { outcome: { kind: 'updated' }, events: [renamed] },
  },
  { name: 'a deleted one', given: [started(), deleted], when: rename, outcome: gone },
]

for (const row of assignments) test(`assign ${row.name}`, () => judge(recording, row))
for (const row of removals) test(`remove ${row.name}`, () => judge(recording, row))
for (const row of updates) test(`update ${row.name}`, () => judge(recording, row))

test('what people wrote is kept in its order, each with whose key opens it', () => {
  const state = folded(recording, [
    doubtful,
    { type: 'RecordingUpdated', data: { sealed } },
    renamed,
  ])
  assert.ok(state.kind === 'known')
  const written = state.written.map(({ sealedFor }) => sealedFor)
  assert.equal(written, [null, endUserNamed('ann')])
})

test.run()

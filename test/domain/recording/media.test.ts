import { suite } from 'uvu'
import type { RecordingEvent } from '../../../protocol/events/lifecycle.ts'
import { mediaPerRecordingMax } from '../../../protocol/limits.ts'
import {
  type AnnounceMediaOutcome,
  announceMedia,
  type StoreMediaOutcome,
  storeMedia,
} from '../../../src/domain/recording/object-decisions.ts'
import { type Recording, recording } from '../../../src/domain/recording/state.ts'
import { judge, type Row } from '../table.ts'
import {
  announced,
  chunk,
  deleted,
  foundMedia,
  mediaAnnounced,
  mediaNamed,
  mediaStored,
  started,
} from './sample.ts'

const test = suite('files of a recording')

type Of<Outcome> = readonly Row<Outcome, RecordingEvent, Recording>[]
const unknown = { kind: 'refused', because: 'unknown-recording' } as const
const closed = { kind: 'refused', because: 'closed' } as const
const known = { again: { outcome: { kind: 'known' } } } as const

const http = started({ source: 'http', codec: null })
const addFile = (name: string) =>
  announceMedia({ mediaId: mediaNamed(name), type: 'audio', contentType: 'audio/mpeg', bytes: 5 })
const files = Array.from({ length: mediaPerRecordingMax }, (_, i) => mediaAnnounced(`file ${i}`))
const announcements: Of<AnnounceMediaOutcome> = [
  { name: 'of an unknown recording', given: [], when: addFile('a'), outcome: unknown },
  {
    name: 'a first one',
    given: [http],
    when: addFile('a'),
    outcome: { kind: 'announced' },
    events: [mediaAnnounced('a')],
    ...known,
  },
  {
    name: 'the last that may be',
    given: [http, ...files.slice(1)],
    when: addFile('a'),
    outcome: { kind: 'announced' },
    events: [mediaAnnounced('a')],
    ...known,
  },
  {
    name: 'one more',
    given: [http, ...files],
    when: addFile('a'),
    outcome: { kind: 'refused', because: 'too-many' },
  },
  {
    name: 'beside chunks',
    given: [http, announced(chunk(1))],
    when: addFile('a'),
    outcome: { kind: 'refused', because: 'not-pending' },
  },
  {
    name: 'after all are stored',
    given: [http, mediaAnnounced('a'), mediaStored('a')],
    when: addFile('b'),
    outcome: { kind: 'refused', because: 'not-pending' },
  },
]

const put = (...names: readonly string[]) =>
  storeMedia({ media: names.map((name) => foundMedia(name)) })
const stores: Of<StoreMediaOutcome> = [
  { name: 'of an unknown recording', given: [], when: put('a'), outcome: unknown },
  {
    name: 'both at once',
    given: [http, mediaAnnounced('a'), mediaAnnounced('b')],
    when: put('a', 'b'),
    outcome: { kind: 'stored' },
    events: [mediaStored('a'), mediaStored('b')],
    ...known,
  },
  {
    name: 'one that nobody announced: none of them',
    given: [http, mediaAnnounced('a')],
    when: put('a', 'b'),
    outcome: { kind: 'refused', because: 'unknown-media' },
  },
  {
    name: 'with another length',
    given: [http, mediaAnnounced('a')],
    when: storeMedia({ media: [foundMedia('a', 6)] }),
    outcome: { kind: 'refused', because: 'another-content' },
  },
  { name: 'of a deleted one', given: [http, deleted], when: put('a'), outcome: closed },
]

for (const row of announcements)
  test(`a file is announced: ${row.name}`, () => judge(recording, row))
for (const row of stores) test(`files are stored: ${row.name}`, () => judge(recording, row))

test.run()

import * as fc from 'fast-check'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import type { Entry } from '../../protocol/observations.ts'
import { joined, serialised } from '../../src/ingest/serialised-entry.ts'
import { placedHeartbeats, plainHeartbeats } from '../../src/projecting/placed-heartbeats.ts'
import type { StoredEvent } from '../../src/store/event-store.ts'

const test = suite('heartbeats of a commit')

const heartbeat = (data: object, more: object = {}): Entry =>
  ({
    ...{ k: 'heartbeat', via: 'mqtt', p: 'proj_a1', d: 'dev_b2', by: 'AAAAAAAAAAAA' },
    ...more,
    ...{ rx: '2026-11-22T12:00:00.000Z', data },
  }) as Entry

const eventOf = (entries: readonly Entry[]): StoredEvent => ({
  id: '00000000-0000-4000-8000-000000000000',
  stream: 'ingest.20261122-AAAAAAAAAAAAAAAA.0',
  revision: 0,
  createdMs: 0,
  position: 9_007_199_254_740_993n,
  type: 'IngestCommitted',
  data: joined(entries.map((entry) => serialised(entry).bytes)),
  metadata: { v: 1, node: 'AAAAAAAAAAAAAAAA' },
  metadataBytes: Buffer.from('{"v":1,"node":"AAAAAAAAAAAAAAAA"}'),
})

/** As they would be read if nothing were cut out of the text. */
const parsed = (entries: readonly Entry[]) =>
  entries.flatMap((entry, place) => {
    if (entry.k !== 'heartbeat') return []
    const { sealed: _, sealed_for: __, ...data } = entry.data
    const { p, d, rx, via, boot = null, seq = null, at = null } = entry
    return [{ p, d, beat: ['9007199254740993', place, rx, via, boot, seq, at, data] }]
  })

const readOf = (entries: readonly Entry[]) =>
  placedHeartbeats(eventOf(entries)).map(({ project: p, device: d, text }) => ({
    p,
    d,
    beat: JSON.parse(text),
  }))

test('those that are serialised as usual are cut out of the text', () => {
  const entries = [
    heartbeat({}),
    heartbeat({ flags: 1, firmware_version: '1.2.3' }, { boot: 1, seq: 2, at: 1_795_601_000_000 }),
    heartbeat({ flags: 0 }, { boot: 'f47ac10b-58cc-4372-a567-0e02b2c3d479', seq: 0 }),
    heartbeat({ flags: 0 }, { at: '2026-11-22T12:00:00Z' }),
  ]
  const text = (eventOf(entries).data as Buffer).toString('utf8')
  assert.is(plainHeartbeats(text, '1')?.length, entries.length)
  assert.equal(readOf(entries), parsed(entries))
})

test('a name that is sealed is left out', () => {
  const named = [heartbeat({ flags: 0, sealed: 'c2VhbGVk', sealed_for: 'eu_c3' })]
  assert.equal(readOf(named), parsed(named))
  assert.not.match(JSON.stringify(placedHeartbeats(eventOf(named))), /sealed|eu_c3/)
})

test('whatever they hold, they are read as if they were parsed', () => {
  const nasty = fc.oneof(
    fc.string({ unit: 'grapheme' }),
    fc.constantFrom('}', '}}', '{', '"}},{"k":"heartbeat"', '}]}', '\\', '"sealed"', '\u2028', 'é'),
  )
  const entry = fc
    .record(
      {
        data: fc.record(
          { firmware_version: nasty, flags: fc.nat(), sealed: nasty },
          { requiredKeys: [] },
        ),
        numbers: fc.record({ boot: fc.oneof(fc.nat(), nasty), seq: fc.nat(), at: fc.integer() }),
        isHeartbeat: fc.boolean(),
      },
      { requiredKeys: ['data', 'numbers', 'isHeartbeat'] },
    )
    .map(({ data, numbers, isHeartbeat }) =>
      isHeartbeat
        ? heartbeat(data, numbers)
        : ({
            ...heartbeat({}),
            k: 'rejected',
            data: { code: data.firmware_version ?? '' },
          } as Entry),
    )
  void fc.assert(
    fc.property(fc.array(entry, { minLength: 1, maxLength: 5 }), (entries) =>
      assert.equal(readOf(entries), parsed(entries)),
    ),
    { numRuns: 2_000 },
  )
})

test('an event of another form stops whoever reads it', () => {
  const data = Buffer.from('{"v":2,"entries":[]}')
  assert.throws(() => placedHeartbeats({ ...eventOf([heartbeat({})]), data }), /version 2/)
})

test.run()

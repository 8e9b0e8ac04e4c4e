import { randomBytes } from 'node:crypto'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { newId, type TokenId } from '../../protocol/ids.ts'
import { instantOf } from '../../protocol/instant.ts'
import { entrySlabBytes } from '../../protocol/limits.ts'
import type { Entry } from '../../protocol/observations.ts'
import {
  type EntryBytes,
  envelopeBytes,
  joined,
  lengthOf,
  roomForEntry,
  serialised,
} from '../../src/ingest/serialised-entry.ts'

const test = suite('serialised entry')

const stated = (device_state: string): Entry => ({
  k: 'heartbeat',
  via: 'http',
  p: newId('proj_', randomBytes),
  d: newId('dev_', randomBytes),
  by: 'A'.repeat(12) as TokenId,
  rx: instantOf(0),
  data: { device_state },
})

const written = (character: string, length: number): EntryBytes => {
  const bytes = roomForEntry(length)
  bytes.slab.fill(character, bytes.from, bytes.to)
  return bytes
}

test('there is room for an entry of any length, whatever was written before', () => {
  for (const length of [1, entrySlabBytes - 1, entrySlabBytes, entrySlabBytes + 1, 2])
    assert.is(joined([written('x', length)]).length, envelopeBytes + length, `${length} bytes`)
})

test('what fills a slab to its end and what comes after it stay apart', () => {
  const before = written('a', entrySlabBytes - 1)
  const last = written('b', 1)
  const next = written('c', 1)
  assert.is(last.slab, before.slab)
  assert.is.not(next.slab, before.slab)
  assert.is(
    joined([before, last, next]).toString(),
    `{"v":1,"entries":[${'a'.repeat(entrySlabBytes - 1)},b,c]}`,
  )
})

test('entries are joined to what the log says, also beyond ASCII', () => {
  const entries = ['plain', 'Zoë ☂ 🎧', '\\"'].map(stated)
  const bytes = entries.map((entry) => serialised(entry).bytes)
  assert.equal(JSON.parse(joined(bytes).toString('utf8')), { v: 1, entries })
  assert.is(
    joined(bytes).length,
    bytes.reduce((sum, one) => sum + lengthOf(one) + 1, envelopeBytes - 1),
  )
})

test.run()

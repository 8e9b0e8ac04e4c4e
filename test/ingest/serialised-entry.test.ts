import { randomBytes } from 'node:crypto'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { newId, type TokenId } from '../../protocol/ids.ts'
import { instantOf } from '../../protocol/instant.ts'
import { entrySlabBytes } from '../../protocol/limits.ts'
import type { Entry } from '../../protocol/observations.ts'
import {
  entryBytes,
  envelopeBytes,
  joined,
  lengthOf,
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

const textOf = (parts: readonly string[]): string => {
  const { slab, from, to } = entryBytes(parts)
  return slab.toString('latin1', from, to)
}

test('an entry is what its parts were, whatever was written before', () => {
  for (const length of [1, entrySlabBytes - 1, entrySlabBytes, entrySlabBytes + 1, 2]) {
    const text = 'x'.repeat(length)
    assert.is(textOf([text.slice(0, 1), '', text.slice(1)]), text, `${length} bytes`)
  }
})

test('what fills a slab to its end and what comes after it stay apart', () => {
  const before = entryBytes(['a'.repeat(entrySlabBytes - 1)])
  const last = entryBytes(['b'])
  const next = entryBytes(['c'])
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

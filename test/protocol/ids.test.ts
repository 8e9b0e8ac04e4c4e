import { randomBytes } from 'node:crypto'
import fc from 'fast-check'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { encodeBase62, randomBase62 } from '../../protocol/base62.ts'
import {
  derivedId,
  type IdPrefix,
  newEventId,
  newId,
  newNodeId,
  newSessionId,
  parseId,
  parseNodeId,
  parseSessionId,
  parseTokenId,
} from '../../protocol/ids.ts'
import { instantOf, msOf, parseInstant, plusMs } from '../../protocol/instant.ts'
import { parseScope, scopes } from '../../protocol/scopes.ts'
import { vector } from './vectors.ts'

const test = suite('ids and times')

const prefixes = [
  'proj_',
  'eu_',
  'dev_',
  'key_',
  'bind_',
  'req_',
  'rec_',
  'cmd_',
] as const satisfies readonly IdPrefix[]

test('an id is of its own kind only', () => {
  for (const prefix of prefixes) {
    const id = newId(prefix, randomBytes)
    for (const other of prefixes) assert.is(parseId(other, id), other === prefix ? id : undefined)
    for (const wrong of [
      `${id}0`,
      id.slice(0, -1),
      ` ${id}`,
      `${id}\n`,
      id.toUpperCase(),
      `${id.slice(0, -1)}-`,
      '',
      null,
      7,
      [id],
    ])
      assert.is(parseId(prefix, wrong), undefined, String(wrong))
  }
})

test('an id that follows from what it is made of', () => {
  const { derived } = vector<{ derived: { prefix: IdPrefix; utf8: string; id: string }[] }>('ids')
  assert.equal(
    derived.map(({ prefix }) => prefix),
    [...prefixes],
  )
  for (const { prefix, utf8, id } of derived) {
    assert.is(derivedId(prefix, Buffer.from(utf8)), id)
    assert.is(parseId(prefix, id), id)
    assert.is.not(derivedId(prefix, Buffer.from(`${utf8} `)), id)
  }
})

test('nodes, sessions and token ids', () => {
  const [node, session] = [newNodeId(randomBytes), newSessionId(randomBytes)]
  assert.equal([parseNodeId(node), parseSessionId(session)], [node, session])
  assert.equal([parseNodeId(session), parseSessionId(node)], [undefined, undefined])
  assert.is(parseTokenId('0123456789aZ'), '0123456789aZ')
  for (const wrong of ['0123456789a', '0123456789aZ0', '0123456789a_', undefined, 12])
    assert.is(parseTokenId(wrong), undefined)
})

test('an event id is a UUID of version 4', () => {
  const ids = Array.from({ length: 500 }, () => newEventId(randomBytes))
  for (const id of ids)
    assert.match(id, /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/)
  assert.is(new Set(ids).size, 500)
})

test('base62 is big-endian and keeps its width', () => {
  assert.is(encodeBase62(Buffer.alloc(4), 6), '000000')
  assert.is(encodeBase62(Buffer.from([61]), 1), 'z')
  assert.is(encodeBase62(Buffer.from([62]), 3), '010')
  assert.is(encodeBase62(Buffer.alloc(32, 255), 43).length, 43)
  const order = (a: string, b: string) => (a < b ? -1 : Number(a > b))
  const bytes = fc.uint8Array({ minLength: 16, maxLength: 16 })
  fc.assert(
    fc.property(bytes, bytes, (a, b) =>
      assert.is(order(encodeBase62(a, 22), encodeBase62(b, 22)), Math.sign(Buffer.compare(a, b))),
    ),
  )
})

test('chance that yields bytes which are thrown away is asked again', () => {
  const chunks = [Buffer.alloc(4, 255), Buffer.from([248, 0, 61, 62]), Buffer.from([247, 1, 2, 3])]
  assert.is(
    randomBase62(4, () => chunks.shift() ?? Buffer.alloc(4)),
    '0z0z',
  )
})

test('an instant has one form', () => {
  const day = 86_400_000
  fc.assert(
    fc.property(fc.integer({ min: -62_135_596_800_000, max: 253_402_300_799_999 }), (ms) => {
      const at = instantOf(ms)
      assert.equal([parseInstant(at), msOf(at)], [at, ms])
      assert.ok(ms + day > 253_402_300_799_999 || plusMs(at, day) > at, 'compares as text')
    }),
  )
  for (const year of [2024, 2025, 1900, 2000])
    for (let month = 1; month <= 12; month += 1)
      for (let day = 1; day <= 31; day += 1) {
        const date = [year, month, day].map((n) => String(n).padStart(2, '0')).join('-')
        const text = `${date}T10:00:00.000Z`
        const isDay = new Date(Date.UTC(year, month - 1, day)).getUTCDate() === day
        assert.is(parseInstant(text) !== undefined, isDay, text)
      }
  for (const wrong of [
    '2026-11-22T10:00:00Z',
    '2026-11-22T10:00:00.12Z',
    '2026-11-22T10:00:00.1234Z',
    '2026-11-22T10:00:00.123+00:00',
    '2026-11-22 10:00:00.123Z',
    '2026-11-22t10:00:00.123z',
    '2026-02-30T10:00:00.000Z',
    '2025-02-29T10:00:00.000Z',
    '2026-13-01T10:00:00.000Z',
    '2026-11-22T24:00:00.000Z',
    '2026-11-22T10:00:60.000Z',
    '+012026-11-22T10:00:00.000Z',
    1_763_805_600_000,
    null,
  ])
    assert.is(parseInstant(wrong), undefined, String(wrong))
  assert.is(parseInstant('2024-02-29T23:59:59.999Z'), '2024-02-29T23:59:59.999Z')
})

test('a scope is one of the list', () => {
  for (const scope of scopes) assert.is(parseScope(scope), scope)
  for (const wrong of ['devices', 'devices:admin', 'toString', '', 'Devices:read'])
    assert.is(parseScope(wrong), undefined)
})

test.run()

import { randomBytes } from 'node:crypto'
import fc from 'fast-check'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { parseInstant } from '../../protocol/instant.ts'
import {
  deviceStateCharsMax,
  plainHeartbeatBytesMax,
  plainIntegerDigitsMax,
} from '../../protocol/limits.ts'
import { heartbeatMessage } from '../../protocol/payloads.ts'
import { parseStrictJson } from '../../protocol/strict-json.ts'
import { PlainHeartbeats } from '../../src/mqtt/plain-heartbeat.ts'

const test = suite('plain heartbeat')

const anything = fc.oneof(
  fc.integer({ min: -300, max: 300 }),
  fc.maxSafeInteger(),
  fc.double(),
  fc.string({ maxLength: 40 }),
  fc.date({ noInvalidDate: true }).map((date) => date.toISOString()),
  fc.constantFrom('2026-02-30T00:00:00.000Z', '2026-01-01T00:00:00Z', '1.4.2', -0, null, [], {}),
)
const names = [
  'battery_percent',
  'storage_used_mb',
  'signal_strength_dbm',
  'firmware_version',
  'device_state',
  'device_name',
  'connection_type',
  'pending_recordings',
  'flags',
  'boot',
  'seq',
  'at',
  'unknown',
]
const messages = fc.dictionary(fc.constantFrom(...names), anything, { maxKeys: 4 })

/** The same document with blanks, a member twice, or a character anywhere. */
const documents = fc
  .tuple(messages, fc.nat(5), fc.nat(60), fc.constantFrom(' ', ',', '"', '0', '\\', 'é', '}', '\t'))
  .map(([message, way, at, character]) => {
    const json = JSON.stringify(message)
    if (way === 0) return JSON.stringify(message, null, 1).replaceAll('\n', '')
    if (way === 1) return json.replaceAll(':', ' : ').replaceAll(',', ' , ')
    if (way === 2) return json.slice(0, at) + character + json.slice(at)
    if (way === 3) return json.replace('{', '{"flags":1,')
    return json
  })

/** How the log would hold it, by way of the parser, the schema and the serialisation. */
const storedForm = (bytes: Buffer) => {
  const parsed = parseStrictJson(bytes)
  assert.is(parsed.kind, 'parsed', bytes.toString())
  if (parsed.kind !== 'parsed') return undefined
  const { boot, seq, at, device_name, ...data } = heartbeatMessage.parse(parsed.value)
  assert.is(device_name, undefined)
  return {
    boot,
    seq,
    numbers: JSON.stringify({ boot, seq, at }),
    data: JSON.stringify(data),
  }
}

/** With its ranges as texts. */
const plainOf = (document: string | Buffer, reader = new PlainHeartbeats()) => {
  const plain = reader.read(Buffer.from(document))
  if (!plain) return undefined
  const { boot, seq, bytes, numbersAt, numbersEnd, dataAt, dataEnd } = plain
  return {
    boot,
    seq,
    numbers: bytes.toString('latin1', numbersAt, numbersEnd),
    data: bytes.toString('latin1', dataAt, dataEnd),
  }
}

test('what it takes as it stands, parser, schema and serialisation leave as it stands', () => {
  let taken = 0
  fc.assert(
    fc.property(documents, (document) => {
      const bytes = Buffer.from(document)
      const plain = plainOf(bytes)
      if (plain === undefined) return
      taken += 1
      const { boot, seq, numbers, data } = plain
      const form = storedForm(bytes)
      assert.equal({ boot, seq }, { boot: form?.boot, seq: form?.seq })
      assert.is(`{${numbers}}`, form?.numbers)
      // The schema has an order of its own; what the log holds is compared as JSON.
      assert.equal(JSON.parse(`{${data}}`), JSON.parse(form?.data ?? ''))
    }),
    { numRuns: 20_000 },
  )
  assert.ok(taken > 1_000, `${taken}`)
})

/** Documents of one device: mostly the same members in the same order, now and then a character that should not be there. */
const series = fc.record({
  names: fc.shuffledSubarray(names.filter((name) => !['boot', 'seq', 'at'].includes(name))),
  values: fc.array(fc.tuple(fc.array(anything, { minLength: 14, maxLength: 14 }), fc.nat(400)), {
    minLength: 2,
    maxLength: 6,
  }),
  character: fc.constantFrom(' ', ',', '"', '0', '\\', '}', '-'),
})

const documentsOf = ({
  names: some,
  values,
  character,
}: typeof series extends fc.Arbitrary<infer T> ? T : never) =>
  values.map(([members, at], n) => {
    const value = (name: string, i: number) => (n % 2 === 0 ? 7 : members[i]) ?? name
    const json = JSON.stringify({
      boot: 1,
      seq: n,
      at: '2026-01-01T00:00:00.000Z',
      ...Object.fromEntries(some.map((name, i) => [name, value(name, i)])),
    })
    return at < json.length ? json.slice(0, at) + character + json.slice(at) : json
  })

test('what it remembers of a device changes nothing of what it reads', () => {
  let taken = 0
  fc.assert(
    fc.property(series, (given) => {
      const reader = new PlainHeartbeats()
      for (const document of documentsOf(given)) {
        const plain = plainOf(document, reader)
        assert.equal(plain, plainOf(document))
        if (plain) taken += 1
      }
    }),
    { numRuns: 5_000 },
  )
  assert.ok(taken > 1_000, `${taken}`)
})

test('the usual heartbeat is plain, with blanks as well', () => {
  const document =
    '{"boot":1,"seq":2,"at":"2026-01-01T00:00:00.000Z","battery_percent":80,"flags":16}'
  const expected = {
    boot: 1,
    seq: 2,
    numbers: '"boot":1,"seq":2,"at":"2026-01-01T00:00:00.000Z"',
    data: '"battery_percent":80,"flags":16',
  }
  assert.equal(plainOf(document), expected)
  assert.equal(
    plainOf(
      document
        .replaceAll(':', ': ')
        .replaceAll('2026-01-01T00: 00: ', '2026-01-01T00:00:')
        .replaceAll(',', ', '),
    ),
    expected,
  )
  assert.equal(plainOf('{}'), { boot: undefined, seq: undefined, numbers: '', data: '' })
})

const odd = [
  '{"device_name":"x"}',
  '{"connection_type":["4g"]}',
  '{"x":1}',
  '{"boot":"x"}',
  '{"flags":1,"flags":1}',
  '{"flags":-0}',
  '{"flags":01}',
  '{"flags":1e2}',
  '{"flags":256}',
  '{"seq":1000000000000000}',
  '{"device_state":"a\\n"}',
  '{"device_state":"\u00e9"}',
  '{"flags":1,}',
  '{"flags":1}x',
  '{"flags":1',
  '[]',
  'null',
  '',
  '\ufeff{}',
]
for (const document of odd)
  test(`${JSON.stringify(document)} is for the schema`, () => {
    assert.is(plainOf(document), undefined)
  })

test('a time with any other character anywhere is plain exactly where it is a time', () => {
  for (const instant of [
    '2026-01-01T00:00:00.000Z',
    '1999-12-28T23:59:59.999Z',
    '2024-02-29T19:09:10.050Z',
  ])
    for (const i of instant.split('').keys())
      for (const character of '0123456789-:.TZ/;') {
        const text = instant.slice(0, i) + character + instant.slice(i + 1)
        const isPlain = plainOf(JSON.stringify({ at: text })) !== undefined
        assert.is(isPlain, parseInstant(text) !== undefined, text)
      }
})

const padded = (bytes: number) => `{"flags":1${' '.repeat(bytes - '{"flags":1}'.length)}}`
const digits = (count: number) => `{"seq":${'9'.repeat(count)}}`
const state = (chars: number) => `{"device_state":"${'x'.repeat(chars)}"}`
for (const [what, within, past] of [
  ['bytes', padded(plainHeartbeatBytesMax), padded(plainHeartbeatBytesMax + 1)],
  ['digits', digits(plainIntegerDigitsMax), digits(plainIntegerDigitsMax + 1)],
  ['characters', state(deviceStateCharsMax), state(deviceStateCharsMax + 1)],
] as const)
  test(`as many ${what} as may be are plain, one more is for the schema`, () => {
    assert.ok(plainOf(within))
    assert.is(plainOf(past), undefined)
  })

test('noise is never plain', () => {
  for (let i = 0; i < 10_000; i += 1) assert.is(plainOf(randomBytes(i % 40)), undefined)
})

test.run()

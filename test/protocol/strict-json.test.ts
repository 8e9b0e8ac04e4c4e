import fc from 'fast-check'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { jsonDepthMax } from '../../protocol/limits.ts'
import { parseStrictJson } from '../../protocol/strict-json.ts'

const test = suite('strict JSON')

const parse = (text: string) => parseStrictJson(Buffer.from(text))
const reasonOf = (text: string): string | undefined => {
  const result = parse(text)
  return result.kind === 'invalid' ? result.reason : undefined
}
const accepted = (text: string, value: unknown): void =>
  assert.equal(parse(text), { kind: 'parsed', value }, text.slice(0, 80))

const json = () =>
  fc.jsonValue({ maxDepth: 6 }).filter((v) => !JSON.stringify(v).includes('"__proto__":'))

test('reads what JSON.parse reads', () => {
  fc.assert(
    fc.property(json(), fc.constantFrom(undefined, 1, '\t', ' \r\n'), (value, indent) => {
      const text = JSON.stringify(value, null, indent)
      accepted(text, JSON.parse(text))
    }),
    { numRuns: 2_000 },
  )
})

test('refuses whatever JSON.parse refuses', () => {
  const cut = fc.tuple(json(), fc.nat(), fc.string({ unit: 'grapheme', maxLength: 2 }))
  fc.assert(
    fc.property(cut, ([value, at, inserted]) => {
      const whole = JSON.stringify(value)
      const place = at % (whole.length + 1)
      const text = whole.slice(0, place) + inserted + whole.slice(place + 1)
      const bytes = Buffer.from(text)
      try {
        JSON.parse(bytes.toString())
      } catch {
        assert.is(parseStrictJson(bytes).kind, 'invalid', text)
      }
    }),
    { numRuns: 3_000 },
  )
})

/** The text of an object with these names, in this order, repeats and all. */
const objectText = (names: readonly string[]): string =>
  `{${names.map((name, i) => `${JSON.stringify(name)}:${i}`).join(' ,\n')}}`

test('a member may stand in an object once, wherever the object stands', () => {
  const names = fc.array(fc.constantFrom('a', 'b', '"', '\\', ':', '{', 'é', '', 'a":'), {
    maxLength: 4,
  })
  fc.assert(
    fc.property(names, names, (one, other) => {
      const text = `[${objectText(one)},{"x":${objectText(other)}}]`
      const isSingle = [one, other].every((list) => new Set(list).size === list.length)
      assert.is(parse(text).kind, isSingle ? 'parsed' : 'invalid', text)
    }),
    { numRuns: 2_000 },
  )
})

test('a member twice is found however it is spelled', () => {
  for (const text of [
    '{"a":1,"a":1}',
    '{"a":1,"\\u0061":2}',
    '{"a":{"b":1,"c":[{}],"b":2}}',
    '{"\\n":1,"\\u000a":2}',
    '{"a" :"\\\\","b":"\\\\\\"","a"\t:1}',
    '{"":1,"":2}',
    '{"a":"a","b":[],"a":"a"}',
  ])
    assert.is(reasonOf(text), 'an object has a member twice', text)
  accepted('{"a":{"a":{"a":"a"}},"b":["a","a"]}', { a: { a: { a: 'a' } }, b: ['a', 'a'] })
})

test('depth at the limit and one past it', () => {
  const nested = (depth: number) => `${'['.repeat(depth)}${']'.repeat(depth)}`
  const objects = (depth: number) => `${'{"a":'.repeat(depth)}1${'}'.repeat(depth)}`
  for (const make of [nested, objects]) {
    assert.is(reasonOf(make(jsonDepthMax)), undefined)
    assert.is(reasonOf(make(jsonDepthMax + 1)), `nested deeper than ${jsonDepthMax}`)
  }
  assert.is(reasonOf(nested(300_000)), `nested deeper than ${jsonDepthMax}`)
  assert.is(reasonOf(`[${'[],'.repeat(1_000)}[]]`), undefined, 'breadth is not depth')
})

test('bytes that are not UTF-8, or begin with a byte order mark', () => {
  for (const hex of ['22ff22', '22c080 22', '22eda08022', '22f4908080 22', '22c3'])
    assert.equal(parseStrictJson(Buffer.from(hex.replaceAll(' ', ''), 'hex')), {
      kind: 'invalid',
      reason: 'not UTF-8',
    })
  assert.is(reasonOf('\ufeff{}'), 'not JSON')
  assert.is(parseStrictJson(Buffer.from('{"a":1}', 'utf16le')).kind, 'invalid')
})

test('half a pair of surrogates', () => {
  for (const text of ['"\\ud800"', '["\\uDC00x"]', '{"\\ud83d":1}', '{"a":"\\ude00\\ud83d"}'])
    assert.is(reasonOf(text), 'a string has a lone surrogate', text)
  accepted('"\\ud83d\\ude00 \\\\ud800"', '😀 \\ud800')
})

test('numbers that a double cannot hold', () => {
  for (const text of ['1e309', '-1e309', '[0,1e999]', '{"a":-1E+400}', `1${'0'.repeat(400)}`])
    assert.is(reasonOf(text), 'a number is out of range', text.slice(0, 20))
  accepted('[1.7976931348623157e308,-0.5e-400,"1e999",1E3]', [
    1.7976931348623157e308,
    -0,
    '1e999',
    1_000,
  ])
})

test('a prototype cannot be set', () => {
  for (const text of ['{"__proto__":{"a":1}}', '[{"\\u005f_proto__":null}]'])
    assert.is(reasonOf(text), 'a member is named __proto__', text)
  accepted('["__proto__",{"constructor":1,"toString":2}]', [
    '__proto__',
    { constructor: 1, toString: 2 },
  ])
})

test('what is no document', () => {
  for (const text of [
    '',
    ' ',
    'undefined',
    'NaN',
    '{a:1}',
    "{'a':1}",
    '[1,]',
    '{"a":1,}',
    '01',
    '"a',
    '"\n"',
    '//x\n1',
    '1 2',
  ])
    assert.is(reasonOf(text), 'not JSON', text)
})

test('a long hostile document takes no longer than its length', () => {
  const started = performance.now()
  for (const text of [
    `"${'\\"'.repeat(250_000)}"`,
    `"${'\\\\'.repeat(250_000)}"`,
    `[${'"\\\\",'.repeat(100_000)}1]`,
    `[${'1,'.repeat(250_000)}1]`,
    `{${Array.from({ length: 50_000 }, (_, i) => `"${i}":0`).join(',')}}`,
  ])
    assert.is(reasonOf(text), undefined)
  assert.ok(performance.now() - started < 5_000)
})

test.run()

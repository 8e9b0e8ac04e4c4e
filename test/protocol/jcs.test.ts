import fc from 'fast-check'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { jcs, signableJcs } from '../../protocol/jcs.ts'
import { vector } from './vectors.ts'

const test = suite('jcs')

const rfc8785 = vector<{
  documents: { input: string; canonical: string }[]
  numbers: { ieee754: string; canonical: string }[]
  refused_numbers: string[]
}>('jcs')
const double = (hex: string): number => Buffer.from(hex, 'hex').readDoubleBE()

test('the documents of RFC 8785', () => {
  for (const { input, canonical } of rfc8785.documents) assert.is(jcs(JSON.parse(input)), canonical)
})

test('the numbers of RFC 8785, appendix B', () => {
  for (const { ieee754, canonical } of rfc8785.numbers) assert.is(jcs(double(ieee754)), canonical)
  for (const ieee754 of rfc8785.refused_numbers)
    assert.throws(() => jcs(double(ieee754)), /not a finite number/)
})

test('says the same as the JSON that it was made of', () => {
  fc.assert(
    fc.property(fc.jsonValue(), (value) => {
      const text = jcs(value)
      assert.equal(JSON.parse(text), JSON.parse(JSON.stringify(value)))
      assert.is(jcs(JSON.parse(text)), text)
    }),
    { numRuns: 1_000 },
  )
})

const shuffled = (value: unknown): unknown => {
  if (Array.isArray(value)) return value.map(shuffled)
  if (typeof value !== 'object' || value === null) return value
  const members = Object.entries(value).map(([k, v]) => [k, shuffled(v)] as const)
  return Object.fromEntries(members.reverse())
}

test('does not depend on the order of members', () => {
  fc.assert(
    fc.property(fc.jsonValue(), (value) => assert.is(jcs(shuffled(value)), jcs(value))),
    { numRuns: 1_000 },
  )
})

test('a member without a value is left out, an element without one is refused', () => {
  assert.is(jcs({ b: undefined, a: 1 }), '{"a":1}')
  assert.throws(() => jcs([undefined]), /\$\[0\]/)
  for (const value of [undefined, () => 1, Symbol('x'), 1n])
    assert.throws(() => jcs(value), TypeError)
})

test('a lone surrogate is refused, in values and in names', () => {
  assert.throws(() => jcs({ a: ['\ud800'] }), /\$\.a\[0\]: lone surrogate/)
  assert.throws(() => jcs({ '\udc00': 1 }), /lone surrogate/)
  assert.is(jcs('\ud83d\ude00'), '"😀"')
})

test('what is signed holds no number on which implementations differ', () => {
  for (const good of [0, 1, -1, 2 ** 53 - 1, 1 - 2 ** 53])
    assert.is(signableJcs(good), String(good))
  for (const bad of [-0, 0.5, 1e21, 2 ** 53, -(2 ** 53), Number.NaN, Number.POSITIVE_INFINITY])
    assert.throws(() => signableJcs({ a: [bad] }), /\$\.a\[0\]/)
})

test.run()

import { createHmac, randomBytes } from 'node:crypto'
import fc from 'fast-check'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import {
  hintOf,
  mintToken,
  parseToken,
  sameHmac,
  type TokenPrefix,
  tokenHmac,
  tokenPrefixes,
} from '../../protocol/tokens.ts'
import { vector } from './vectors.ts'

const test = suite('tokens')

const known = vector<{
  pepper: string
  minted: {
    prefix: TokenPrefix
    random: string[]
    text: string
    id: string
    hint: string
    hmac: string
  }[]
  refused: string[]
}>('tokens')
const pepper = Buffer.from(known.pepper, 'hex')

test('the vectors are minted, parsed and kept as they were', () => {
  assert.equal(known.minted.map(({ prefix }) => prefix).sort(), [...tokenPrefixes].sort())
  for (const { prefix, random, text, id, hint, hmac } of known.minted) {
    const chance = [...random]
    const token = mintToken(prefix, (bytes) => {
      const next = Buffer.from(chance.shift() ?? '', 'hex')
      assert.is(next.length, bytes)
      return next
    })
    assert.equal(token, { prefix, id, text })
    assert.equal(parseToken(text), token)
    assert.equal([hintOf(token), tokenHmac(token, pepper)], [hint, hmac])
    assert.is(createHmac('sha256', pepper).update(text.slice(0, -6)).digest('base64url'), hmac)
  }
})

test('what is no token is refused without a look-up', () => {
  for (const text of known.refused) assert.is(parseToken(text), undefined, JSON.stringify(text))
})

test('a minted token is its own, and no other', () => {
  const seen = new Set<string>()
  for (let i = 0; i < 2_000; i += 1) {
    const prefix = tokenPrefixes[i % tokenPrefixes.length] ?? 'dtok'
    const token = mintToken(prefix, randomBytes)
    assert.match(token.text, new RegExp(`^${prefix}_[0-9A-Za-z]{50}$`))
    assert.equal(parseToken(token.text), token)
    seen.add(token.text).add(token.id)
  }
  assert.is(seen.size, 4_000)
})

test('a rotated key keeps its public part', () => {
  const first = mintToken('sk_live', randomBytes)
  const next = mintToken('sk_live', randomBytes, first.id)
  assert.is(next.id, first.id)
  assert.is.not(next.text, first.text)
})

test('one changed character is found', () => {
  const base62 = [...'0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz']
  fc.assert(
    fc.property(fc.nat({ max: 49 }), fc.constantFrom(...base62), (at, char) => {
      const { text } = mintToken('dtok', randomBytes)
      const changed = `${text.slice(0, 5 + at)}${char}${text.slice(6 + at)}`
      assert.ok(changed === text || parseToken(changed) === undefined)
    }),
    { numRuns: 2_000 },
  )
})

test('100,000 texts of the right form are no tokens', () => {
  const base62 = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz'
  for (let i = 0; i < 100_000; i += 1) {
    const body = Array.from(randomBytes(50), (byte) => base62.charAt(byte % 62)).join('')
    assert.is(parseToken(`dtok_${body}`), undefined)
  }
})

test('no text is too odd to be refused', () => {
  const odd = fc.oneof(
    fc.string({ unit: 'binary' }),
    fc.string({ minLength: 50, maxLength: 60 }).map((s) => `dtok_${s}`),
  )
  fc.assert(
    fc.property(odd, (text) => assert.is(parseToken(text), undefined)),
    { numRuns: 5_000 },
  )
})

test('every character is equally likely', () => {
  const counts = new Map<string, number>()
  for (let i = 0; i < 2_000; i += 1)
    for (const char of mintToken('dtok', randomBytes).text.slice(5, 49))
      counts.set(char, (counts.get(char) ?? 0) + 1)
  const expected = (2_000 * 44) / 62
  assert.is(counts.size, 62)
  for (const [char, count] of counts)
    assert.ok(Math.abs(count - expected) < expected * 0.2, `${char}: ${count}`)
})

test('HMACs are compared whole', () => {
  const [a, b] = [0, 1].map(() => tokenHmac(mintToken('dtok', randomBytes), pepper))
  assert.ok(sameHmac(a ?? '', a ?? ''))
  assert.not.ok(sameHmac(a ?? '', b ?? ''))
  assert.not.ok(sameHmac(a ?? '', (a ?? '').slice(0, -1)))
  assert.not.ok(sameHmac('', a ?? ''))
})

test('another pepper is another HMAC', () => {
  const token = mintToken('dtok', randomBytes)
  assert.is.not(tokenHmac(token, pepper), tokenHmac(token, randomBytes(32)))
})

test.run()

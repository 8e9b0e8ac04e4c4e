import { createPrivateKey, generateKeyPairSync, type KeyObject, randomBytes } from 'node:crypto'
import fc from 'fast-check'
import nacl from 'tweetnacl'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import {
  type Assertion,
  aboutIn,
  assertionSchema,
  dataHash,
  envelopeSchema,
  isEnvelope,
  kidOf,
  leafHash,
  publicKeyOf,
  signKey,
  signLeaf,
  verifyKey,
  verifyLeaf,
} from '../../protocol/envelope.ts'
import { jcs, signableJcs } from '../../protocol/jcs.ts'
import { open, seal } from '../../src/store/seal.ts'
import { type Keys, vector } from './vectors.ts'

const test = suite('envelope')

const keys = vector<Keys>('keys')
const sample = vector<{
  salt: string
  data: object
  data_canonical: string
  dh: string
  a: Assertion
  a_canonical: string
  leaf: string
  sig: string
  key_statement: { public_key: string; by: string; cross_sig: string }
}>('envelope')

const pkcs8Prefix = Buffer.from('302e020100300506032b657004220420', 'hex')
const privateKeyOf = (seed: Uint8Array): KeyObject =>
  createPrivateKey({ key: Buffer.concat([pkcs8Prefix, seed]), format: 'der', type: 'pkcs8' })

const bytes = (text: string, encoding: BufferEncoding) =>
  Uint8Array.from(Buffer.from(text, encoding))
const seed = bytes(keys.signing.seed, 'hex')
const rawKey = bytes(keys.signing.public_key, 'base64')
const key = publicKeyOf(rawKey)
const eventMessage = (leaf: string) =>
  Uint8Array.from(Buffer.concat([Buffer.from('lapel/event/v1\n'), Buffer.from(leaf, 'hex')]))

test('the vector is reached step by step', () => {
  assert.is(signableJcs(sample.data), sample.data_canonical)
  assert.is(dataHash(sample.salt, sample.data), sample.dh)
  assert.is(dataHash(sample.salt, { ...sample.data, salt: sample.salt }), sample.dh)
  assert.is(signableJcs(sample.a), sample.a_canonical)
  assert.is(leafHash(sample.a), sample.leaf)
  assert.is(signLeaf(sample.leaf, privateKeyOf(seed)), sample.sig)
  assert.is(kidOf(rawKey), keys.signing.kid)
})

test('a new key is signed by the one before it', () => {
  const { public_key, cross_sig } = sample.key_statement
  const next = bytes(public_key, 'base64')
  assert.ok(verifyKey(next, cross_sig, key))
  assert.is(signKey(next, privateKeyOf(seed)), cross_sig)
  assert.not.ok(verifyKey(rawKey, cross_sig, key))
  assert.not.ok(verifyLeaf(sample.leaf, cross_sig, key), 'a key statement is no event')
})

test('another implementation makes and takes the same signatures', () => {
  const pair = nacl.sign.keyPair.fromSeed(seed)
  assert.equal(Buffer.from(pair.publicKey), Buffer.from(rawKey))
  fc.assert(
    fc.property(fc.uint8Array({ minLength: 32, maxLength: 32 }), (hash) => {
      const leaf = Buffer.from(hash).toString('hex')
      const ours = signLeaf(leaf, privateKeyOf(seed))
      const theirs = nacl.sign.detached(eventMessage(leaf), pair.secretKey)
      assert.is(ours, Buffer.from(theirs).toString('base64url'))
      assert.ok(nacl.sign.detached.verify(eventMessage(leaf), bytes(ours, 'base64url'), rawKey))
    }),
    { numRuns: 20 },
  )
})

const order = 2n ** 252n + 27742317777372353535851937790883648493n

/** S + L instead of S: RFC 8032, 5.1.7 demands S below L, or a signature has two forms. */
const malleated = (sig: Uint8Array): Uint8Array => {
  const s = sig.slice(32).reduceRight((sum, byte) => (sum << 8n) | BigInt(byte), 0n) + order
  const high = Array.from({ length: 32 }, (_, i) => Number((s >> BigInt(8 * i)) & 255n))
  return Uint8Array.of(...sig.slice(0, 32), ...high)
}

test('a malleated signature is refused, although the other implementation takes it', () => {
  const twin = malleated(bytes(sample.sig, 'base64url'))
  assert.ok(nacl.sign.detached.verify(eventMessage(sample.leaf), twin, rawKey))
  assert.not.ok(verifyLeaf(sample.leaf, Buffer.from(twin).toString('base64url'), key))
})

test('a signature has one spelling', () => {
  const last = sample.sig.at(-1) ?? ''
  const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_'
  const twin = sample.sig.slice(0, -1) + alphabet[alphabet.indexOf(last) ^ 1]
  assert.equal(bytes(twin, 'base64url'), bytes(sample.sig, 'base64url'))
  for (const sig of [twin, `${sample.sig}==`, ` ${sample.sig}`, sample.sig.slice(1), ''])
    assert.not.ok(verifyLeaf(sample.leaf, sig, key), sig)
})

test('whatever is changed, the leaf or the hash is another', () => {
  const a = sample.a
  const changes: readonly Assertion[] = [
    { ...a, project: null },
    { ...a, stream: `${a.stream}0` },
    { ...a, rev: 1 },
    { ...a, type: 'EndUserUpdated' },
    { ...a, at: '2026-11-22T10:00:00.124Z' },
    { ...a, actor: 'system' },
    { ...a, request_id: null },
    { ...a, causation: 'x' },
    { ...a, dh: a.prev },
    { ...a, prev: a.dh },
    { ...a, kid: keys.next_signing.kid },
  ]
  assert.is(new Set([a, ...changes].map(leafHash)).size, changes.length + 1)
  for (const change of changes) assert.not.ok(verifyLeaf(leafHash(change), sample.sig, key))
  assert.is.not(dataHash(sample.salt, { ...sample.data, x: 1 }), sample.dh)
  assert.is.not(dataHash(sample.salt.replace('C', 'D'), sample.data), sample.dh)
})

test('any flipped bit and any other key is refused', () => {
  const sig = bytes(sample.sig, 'base64url')
  for (let bit = 0; bit < 512; bit += 1) {
    const flipped = sig.with(bit >> 3, (sig[bit >> 3] ?? 0) ^ (1 << (bit & 7)))
    assert.not.ok(verifyLeaf(sample.leaf, Buffer.from(flipped).toString('base64url'), key))
  }
  const other = generateKeyPairSync('ed25519').publicKey
  assert.not.ok(verifyLeaf(sample.leaf, sample.sig, other))
})

test('an envelope lacks nothing and has nothing else', () => {
  const envelope = { a: sample.a, sig: sample.sig }
  assert.ok(envelopeSchema.safeParse(envelope).success)
  assert.ok(envelopeSchema.safeParse({ ...envelope, idem: 'i', body: 'b' }).success)
  for (const member of Object.keys(sample.a)) {
    const { [member]: _, ...rest } = Object.fromEntries(Object.entries(sample.a))
    assert.not.ok(assertionSchema.safeParse(rest).success, member)
  }
  const wrong = [
    { ...sample.a, v: 2 },
    { ...sample.a, rev: -1 },
    { ...sample.a, rev: 2 ** 53 },
    { ...sample.a, x: 1 },
  ]
  for (const a of wrong) assert.not.ok(envelopeSchema.safeParse({ ...envelope, a }).success)
  assert.not.ok(envelopeSchema.safeParse({ ...envelope, sig: 'x' }).success)
})

// What stands in its place may be of another kind, or of its kind and too long, too short or too large.
const strange = fc.oneof(
  fc.constantFrom(undefined, null, '', '0', 1, -1, 2, 0.5, 2 ** 53, true, [], {}),
  fc.constantFrom(
    '2026-02-30T10:00:00.000Z',
    '2026-11-22T10:00:00Z',
    'a'.repeat(64),
    'A'.repeat(86),
  ),
  fc.stringMatching(/^[0-9a-fA-F]{15,17}$|^[0-9a-f]{63,65}$|^[A-Za-z0-9_-]{85,87}$/),
  fc.jsonValue(),
)

test('what is found to be an envelope at once the schema takes too', () => {
  const envelope = { a: sample.a, sig: sample.sig }
  const members = [...Object.keys(sample.a), 'x', '__proto__']
  for (const one of [envelope, { ...envelope, idem: 'i', body: 'b' }, { ...envelope, idem: 'i' }])
    assert.ok(isEnvelope(one))
  assert.ok(isEnvelope({ ...envelope, a: { ...sample.a, project: null, request_id: 'r' } }))
  const agree = (one: unknown) =>
    assert.ok(!isEnvelope(one) || envelopeSchema.safeParse(one).success, JSON.stringify(one))
  fc.assert(
    fc.property(fc.constantFrom(...members), strange, (member, value) => {
      agree({ ...envelope, a: { ...sample.a, [member]: value } })
      const { [member]: _, ...rest } = Object.fromEntries(Object.entries(sample.a))
      agree({ ...envelope, a: rest })
    }),
  )
  fc.assert(
    fc.property(fc.constantFrom('a', 'sig', 'idem', 'body', 'x'), strange, (member, value) =>
      agree({ ...envelope, [member]: value }),
    ),
  )
  for (const one of [undefined, null, 1, 'a', [], {}, { a: sample.a }, { sig: sample.sig }]) {
    assert.not.ok(isEnvelope(one))
    agree(one)
  }
})

test('what is read of the text of an envelope is what it says when parsed', () => {
  const envelope = { a: sample.a, sig: sample.sig }
  const { stream, rev, type, at } = sample.a
  for (const more of [{}, { idem: 'i', body: 'b' }, { idem: 'i' }])
    assert.equal(aboutIn(JSON.stringify({ ...envelope, ...more })), { stream, rev, type, at })
  const agree = (one: unknown) => {
    const json = JSON.stringify(one)
    const about = aboutIn(Buffer.from(json).toString('latin1'))
    if (!about) return
    const { a } = envelopeSchema.parse(JSON.parse(json))
    const isAscii = /^[\0-\x7f]*$/.test(a.stream + a.type)
    if (isAscii) assert.equal(about, { stream: a.stream, rev: a.rev, type: a.type, at: a.at })
    else assert.not.equal(about.stream + about.type, a.stream + a.type)
  }
  fc.assert(
    fc.property(fc.constantFrom(...Object.keys(sample.a), 'x'), strange, (member, value) => {
      agree({ ...envelope, a: { ...sample.a, [member]: value } })
      agree({ ...envelope, a: { [member]: value, ...sample.a } })
      agree({ ...envelope, [member]: value })
    }),
  )
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), (text) => {
      agree({ ...envelope, a: { ...sample.a, stream: text } })
      agree({ ...envelope, a: { ...sample.a, actor: text, type: text } })
      agree({ ...envelope, idem: text })
    }),
  )
})

test('the sealed box is reached, and opened by its key alone', () => {
  const box = vector<{
    key: string
    nonce: string
    plain: object
    canonical: string
    sealed: string
  }>('sealed-box')
  const subjectKey = bytes(box.key, 'hex')
  assert.is(jcs(box.plain), box.canonical)
  assert.is(
    seal(box.plain, subjectKey, () => bytes(box.nonce, 'hex')),
    box.sealed,
  )
  const raw = bytes(box.sealed, 'base64')
  assert.equal(Buffer.from(raw.subarray(0, 24)).toString('hex'), box.nonce)
  const plain = nacl.secretbox.open(raw.subarray(24), raw.subarray(0, 24), subjectKey)
  assert.is(Buffer.from(plain ?? []).toString(), box.canonical)
  assert.equal(open(box.sealed, subjectKey), box.plain)
  assert.is(open(box.sealed, randomBytes(32)), undefined)
  for (const cut of [0, 1, 23, 24, 39, raw.length - 1])
    assert.is(open(Buffer.from(raw.subarray(0, cut)).toString('base64'), subjectKey), undefined)
})

test.run()

import { generateKeyPairSync } from 'node:crypto'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { checkCertificate, signCertificate } from '../../protocol/certificate.ts'
import { sampleCertificate } from '../support/certificate.ts'

const test = suite('certificate of a recording')

const newPair = () => {
  const { privateKey, publicKey } = generateKeyPairSync('ed25519')
  return {
    privateKey,
    publicKey: Buffer.from(publicKey.export({ format: 'jwk' }).x ?? '', 'base64url'),
  }
}
const pair = newPair()
const certificate = sampleCertificate()
const signed = signCertificate(certificate, pair)

const because = (document: unknown, key?: Uint8Array) => {
  const checked = checkCertificate(document, key)
  return checked.kind === 'bad' ? checked.because : checked.kind
}

test('is good under its own key, with the key alone or without', () => {
  assert.is(because(signed, pair.publicKey), 'good')
  assert.is(because(signed), 'good')
  assert.is(because(JSON.parse(JSON.stringify(signed)), pair.publicKey), 'good')
})

test('another key does not do, neither asked for nor put in', () => {
  const thief = newPair()
  assert.is(because(signed, thief.publicKey), 'it is signed with another key')
  assert.is(
    because(signCertificate(certificate, thief), pair.publicKey),
    'it is signed with another key',
  )
  const swapped = { ...signed, public_key: thief.publicKey.toString('base64') }
  assert.is(because(swapped), 'its kid is not that of its key')
})

test('every member is covered', () => {
  const changes: Partial<typeof certificate>[] = [
    { recording_id: 'rec_2' },
    { device_id: null },
    { owner: { ...certificate.owner, end_user_id: 'eu_2' } },
    { object: { ...certificate.object, sha256: '0'.repeat(64) } },
    { chunks: certificate.chunks.slice(1) },
    { merkle_root: '0'.repeat(64) },
    { issued_at: '2026-11-22T10:00:00.001Z' },
    { events: certificate.events.slice(0, 1) },
  ]
  for (const change of changes)
    assert.is(
      because({ ...signed, certificate: { ...certificate, ...change } }),
      'its signature is wrong',
    )
  const flipped = `${signed.sig.startsWith('A') ? 'B' : 'A'}${signed.sig.slice(1)}`
  assert.is(because({ ...signed, sig: flipped }), 'its signature is wrong')
})

test('what its signer got wrong is found all the same', () => {
  const { chunks } = certificate
  const gap = signCertificate({ ...certificate, chunks: chunks.slice(1) }, pair)
  assert.is(because(gap, pair.publicKey), 'its chunks are not 1 to the last without a gap')
  const root = signCertificate({ ...certificate, merkle_root: '0'.repeat(64) }, pair)
  assert.is(because(root, pair.publicKey), 'its Merkle root is not that of its chunks')
})

test('what is no certificate is refused', () => {
  for (const document of [null, {}, [], { ...signed, more: 1 }, { ...signed, sig: 'x' }])
    assert.is(because(document), 'it is no certificate of a recording')
})

test.run()

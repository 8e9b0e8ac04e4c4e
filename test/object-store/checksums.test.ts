import { createHash } from 'node:crypto'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { claimsOf, createDigest } from '../../src/embedded/object-store/checksums.ts'
import type { S3Fault } from '../../src/embedded/object-store/faults.ts'

const test = suite('what a stored body is named by')

const body = Buffer.from('chunk')
const sum = (algorithm: 'md5' | 'sha256') => createHash(algorithm).update(body).digest()
const sha256 = { 'x-amz-checksum-sha256': sum('sha256').toString('base64') }
const md5 = { 'content-md5': sum('md5').toString('base64') }

const etagOf = (headers: Record<string, string>, received = body): string => {
  const digest = createDigest(claimsOf(headers, undefined))
  digest.update(received)
  return digest.finish(new Map()).etag
}

test('by its MD5, or by the SHA-256 that was claimed, so that no client takes it for an MD5', () => {
  assert.is(etagOf({}), sum('md5').toString('hex'))
  assert.is(etagOf(sha256), `${sum('sha256').toString('hex').slice(0, 32)}-1`)
})

test('an MD5 that is claimed beside the SHA-256 is checked as well', () => {
  assert.is(etagOf({ ...sha256, ...md5 }), sum('md5').toString('hex'))
  const other = { ...sha256, 'content-md5': Buffer.alloc(16).toString('base64') }
  const refused = (error: S3Fault) => error.code === 'BadDigest'
  for (const claims of [sha256, md5])
    assert.throws(() => etagOf(claims, Buffer.from('other')), refused)
  assert.throws(() => etagOf(other), refused)
})

test.run()

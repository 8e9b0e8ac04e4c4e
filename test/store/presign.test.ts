import { GetObjectCommand, PutObjectCommand, S3Client } from '@aws-sdk/client-s3'
import { getSignedUrl } from '@aws-sdk/s3-request-presigner'
import fc from 'fast-check'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import {
  type CanonicalRequest,
  sha256Hex,
  signatureOf,
  signingKey,
  unsignedPayload,
} from '../../protocol/sigv4.ts'
import { createPresigner } from '../../src/store/presign.ts'

const test = suite('pre-signed URLs')

// The examples of "Signature Calculations" in Amazon S3's API reference: one key, one day, one region.
const secret = 'wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY'
const scope = { date: '20130524', region: 'us-east-1' }
const date = '20130524T000000Z'
const host = ['host', 'examplebucket.s3.amazonaws.com'] as const
const empty = sha256Hex('')
const signed = (request: CanonicalRequest) =>
  signatureOf(signingKey(secret, scope), scope, date, request)
const bare = (query: CanonicalRequest['query']): CanonicalRequest => ({
  method: 'GET',
  path: '/',
  query,
  headers: [host, ['x-amz-content-sha256', empty], ['x-amz-date', date]],
  payload: empty,
})

test('signs as the examples of the documentation', () => {
  const get: CanonicalRequest = {
    ...bare([]),
    path: '/test.txt',
    headers: [...bare([]).headers, ['range', 'bytes=0-9']],
  }
  const body = sha256Hex('Welcome to Amazon S3.')
  const put: CanonicalRequest = {
    method: 'PUT',
    path: '/test%24file.text',
    query: [],
    headers: [
      ['date', 'Fri, 24 May 2013 00:00:00 GMT'],
      host,
      ['x-amz-content-sha256', body],
      ['x-amz-date', date],
      ['x-amz-storage-class', 'REDUCED_REDUNDANCY'],
    ],
    payload: body,
  }
  const inQuery: CanonicalRequest = {
    method: 'GET',
    path: '/test.txt',
    query: [
      ['X-Amz-Algorithm', 'AWS4-HMAC-SHA256'],
      ['X-Amz-Credential', 'AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/aws4_request'],
      ['X-Amz-Date', date],
      ['X-Amz-Expires', '86400'],
      ['X-Amz-SignedHeaders', 'host'],
    ],
    headers: [host],
    payload: unsignedPayload,
  }
  const examples: readonly (readonly [CanonicalRequest, string])[] = [
    [get, 'f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41'],
    [put, '98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd'],
    [bare([['lifecycle', '']]), 'fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543'],
    [
      bare([
        ['max-keys', '2'],
        ['prefix', 'J'],
      ]),
      '34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7',
    ],
    [inQuery, 'aeeed9bbccd4d02ee5c0109b86d86835f995330da4c265957d157751f604d404'],
  ]
  for (const [request, signature] of examples) assert.is(signed(request), signature)
})

const settings = {
  publicEndpoint: 'http://objects.example.com:9000',
  bucket: 'a-bucket',
  region: 'eu-central-1',
  accessKeyId: 'AKIDEXAMPLE',
  secretAccessKey: 'a secret/with+signs=',
}
const client = new S3Client({
  endpoint: settings.publicEndpoint,
  region: settings.region,
  credentials: settings,
  forcePathStyle: true,
  requestChecksumCalculation: 'WHEN_REQUIRED',
})
const presigner = createPresigner(settings)

/** What the URL's signature must be, given the values of the headers that it names. */
const expectedOf = (method: string, url: string, headers: Readonly<Record<string, string>>) => {
  const { host, pathname, searchParams } = new URL(url)
  const query = [...searchParams].filter(([name]) => name !== 'X-Amz-Signature')
  const at = searchParams.get('X-Amz-Date') ?? ''
  const names = searchParams.get('X-Amz-SignedHeaders')?.split(';') ?? []
  const scope = { date: at.slice(0, 8), region: settings.region }
  return signatureOf(signingKey(settings.secretAccessKey, scope), scope, at, {
    method,
    path: pathname,
    query,
    headers: names.map((name) => [name, { ...headers, host }[name] ?? 'missing'] as const),
    payload: unsignedPayload,
  })
}
const signatureIn = (url: string) => new URL(url).searchParams.get('X-Amz-Signature')
const dateIn = (url: string) => new URL(url).searchParams.get('X-Amz-Date')

/** Names of any characters; `.` and `..` are taken out of a path by URL parsers, not by S3. */
const keys = fc
  .string({ unit: 'grapheme', minLength: 1, maxLength: 60 })
  .filter((key) => key.isWellFormed() && !key.split('/').some((part) => /^\.{1,2}$/.test(part)))
const moments = fc.integer({ min: 1_000_000_000_000, max: 4_000_000_000_000 })
const hashes = fc.uint8Array({ minLength: 32, maxLength: 32 }).map((bytes) => Buffer.from(bytes))
const texts = fc.string({
  unit: fc.constantFrom(...'abz09 /;="-_+%&'),
  minLength: 1,
  maxLength: 30,
})

test('a PUT is signed as the SDK signs it', async () => {
  const puts = fc.record({
    key: keys,
    at: moments,
    hash: hashes,
    bytes: fc.integer({ min: 0, max: 5_000_000_000 }),
    contentType: texts.filter((text) => text.trim() !== ''),
    expiresSeconds: fc.integer({ min: 1, max: 604_800 }),
  })
  await fc.assert(
    fc.asyncProperty(puts, async ({ key, at, hash, bytes, contentType, expiresSeconds }) => {
      const grant = { bytes, contentType, sha256: hash.toString('hex'), expiresSeconds }
      const ours = presigner.put(key, grant, at)
      const command = new PutObjectCommand({
        Bucket: settings.bucket,
        Key: key,
        ContentLength: bytes,
        ContentType: contentType,
        ChecksumSHA256: hash.toString('base64'),
        IfNoneMatch: '*',
      })
      const names = ['host', 'content-length', 'content-type', 'if-none-match']
      const theirs = await getSignedUrl(client, command, {
        expiresIn: expiresSeconds,
        signingDate: new Date(at),
        signableHeaders: new Set([...names, 'x-amz-checksum-sha256']),
        unhoistableHeaders: new Set(['x-amz-checksum-sha256']),
      })
      const sent = { ...ours.headers, 'content-length': String(bytes) }
      for (const url of [ours.url, theirs])
        assert.is(signatureIn(url), expectedOf('PUT', url, sent))
      assert.is(new URL(ours.url).pathname, new URL(theirs).pathname)
      assert.is(dateIn(ours.url), dateIn(theirs))
      const expiry = Math.floor(at / 1_000) * 1_000 + expiresSeconds * 1_000
      assert.is(ours.expiresAt, new Date(expiry).toISOString())
      const bound = 'content-length;content-type;host;if-none-match;x-amz-checksum-sha256'
      assert.is(new URL(ours.url).searchParams.get('X-Amz-SignedHeaders'), bound)
    }),
    { numRuns: 200 },
  )
})

test('a GET is signed as the SDK signs it', async () => {
  const gets = fc.record({ key: keys, at: moments, disposition: texts, contentType: texts })
  await fc.assert(
    fc.asyncProperty(gets, async ({ key, at, disposition, contentType }) => {
      const grant = { expiresSeconds: 3_600, disposition, contentType }
      const ours = presigner.get(key, grant, at).url
      const command = new GetObjectCommand({
        Bucket: settings.bucket,
        Key: key,
        ResponseContentDisposition: disposition,
        ResponseContentType: contentType,
      })
      const theirs = await getSignedUrl(client, command, {
        expiresIn: 3_600,
        signingDate: new Date(at),
      })
      for (const url of [ours, theirs]) assert.is(signatureIn(url), expectedOf('GET', url, {}))
      for (const name of ['response-content-disposition', 'response-content-type'])
        assert.is(new URL(ours).searchParams.get(name), new URL(theirs).searchParams.get(name))
      assert.is(new URL(ours).pathname, new URL(theirs).pathname)
    }),
    { numRuns: 200 },
  )
})

test('a PUT without a known hash binds the rest; a GET without wishes has none', () => {
  const put = presigner.put('k', { bytes: 5, contentType: 'audio/ogg', expiresSeconds: 900 }, 0)
  assert.equal(put.headers, { 'content-type': 'audio/ogg', 'if-none-match': '*' })
  assert.match(put.url, /^http:\/\/objects\.example\.com:9000\/a-bucket\/k\?X-Amz-Algorithm=/)
  assert.is(put.expiresAt, '1970-01-01T00:15:00.000Z')
  assert.not.match(presigner.get('k', { expiresSeconds: 1 }, 0).url, /response-/)
})

test.run()

import { createHash } from 'node:crypto'
import { crc32 } from 'node:zlib'
import { PutObjectCommand } from '@aws-sdk/client-s3'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { sha256Hex, signText, unsignedPayload } from '../../../protocol/sigv4.ts'
import {
  bytesOf,
  clientOf,
  closeStage,
  codeOf,
  isElsewhere,
  openStage,
  type S3Stage,
  sendRaw,
  signed,
  whose,
} from '../s3-stage.ts'

const test = suite<S3Stage>(`contract of signatures and checksums (${whose})`)
test.before(openStage)
test.after(closeStage)

const body = bytesOf(50_000)
const base64Sum = (name: string, data: Uint8Array) => createHash(name).update(data).digest('base64')
const crc32Of = (data: Uint8Array) => {
  const bytes = Buffer.alloc(4)
  bytes.writeUInt32BE(crc32(data))
  return bytes.toString('base64')
}
const lengthOf = (data: Uint8Array) => ({ 'content-length': String(data.length) })
const pathOf = ({ bucket }: S3Stage, key: string) => `/${bucket}/${key}`
const putRaw = (stage: S3Stage, key: string, headers: Readonly<Record<string, string>>) => ({
  method: 'PUT',
  path: pathOf(stage, key),
  headers: { ...lengthOf(body), ...headers },
  body,
})
const isThere = async (stage: S3Stage, key: string) =>
  (await stage.send({ method: 'HEAD', path: pathOf(stage, key) })).status === 200

test('anonymous requests are refused', async (stage) => {
  const { endpoint } = stage.target
  for (const [method, path] of [
    ['PUT', pathOf(stage, 'a')],
    ['GET', pathOf(stage, 'a')],
    ['GET', `/${stage.bucket}`],
    ['DELETE', pathOf(stage, 'a')],
  ] as const) {
    const { status, code } = await sendRaw(endpoint, { method, path })
    assert.is(status, 403)
    assert.is(code, 'AccessDenied')
  }
})

test('a wrong secret, an unknown key, a signature that is cut', async (stage) => {
  const { target } = stage
  const put = putRaw(stage, 'a', {})
  const { accessKeyId, secretAccessKey } = target.credentials
  const wrong = { credentials: { accessKeyId, secretAccessKey: 'wrong' } }
  assert.is((await stage.send(put, wrong)).code, 'SignatureDoesNotMatch')
  const unknown = { credentials: { accessKeyId: 'NOBODY', secretAccessKey } }
  assert.is((await stage.send(put, unknown)).code, 'InvalidAccessKeyId')
  const { raw } = signed(target, put)
  const cut = { ...raw.headers, authorization: raw.headers['authorization'].slice(0, -1) }
  const { status } = await sendRaw(target.endpoint, { ...raw, headers: cut })
  assert.ok(status === 400 || status === 403)
  const client = clientOf(target, { credentials: { accessKeyId, secretAccessKey: 'x' } })
  const command = new PutObjectCommand({ Bucket: stage.bucket, Key: 'a', Body: 'a' })
  assert.is(await codeOf(client.send(command)), 'SignatureDoesNotMatch')
  client.destroy()
})

test('what is signed cannot be changed: path, query, header, body', async (stage) => {
  const { target } = stage
  const { raw } = signed(target, putRaw(stage, 'mine', { 'x-amz-meta-a': '1' }))
  const send = (change: object) => sendRaw(target.endpoint, { ...raw, ...change })
  assert.is((await send({ path: pathOf(stage, 'yours') })).code, 'SignatureDoesNotMatch')
  assert.is((await send({ query: [['acl', '']] })).code, 'SignatureDoesNotMatch')
  const changed = { headers: { ...raw.headers, 'x-amz-meta-a': '2' } }
  assert.is((await send(changed)).code, 'SignatureDoesNotMatch')
  const other = Buffer.from(body)
  other[0] = (other[0] ?? 0) ^ 1
  assert.is((await send({ body: other })).code, 'XAmzContentSHA256Mismatch')
  assert.not(await isThere(stage, 'mine'))
})

test('an x-amz-… header that is not signed is refused', async (stage) => {
  const loose = { loose: { 'x-amz-meta-added': 'by somebody else' } }
  const { status, code } = await stage.send(putRaw(stage, 'loose', {}), loose)
  assert.is(status, 403)
  assert.match(String(code), /^(AccessDenied|SignatureDoesNotMatch)$/)
})

test('clocks may differ by 15 minutes', async (stage) => {
  const at = (minutes: number) => ({ at: Date.now() + minutes * 60_000 })
  for (const minutes of [-14.9, 14.9])
    assert.is((await stage.send(putRaw(stage, 'clock', {}), at(minutes))).status, 200)
  for (const minutes of [-15.2, 15.2])
    assert.is((await stage.send(putRaw(stage, 'c', {}), at(minutes))).code, 'RequestTimeTooSkewed')
})

test('every checksum is verified', async (stage) => {
  const right: Readonly<Record<string, string>> = {
    'content-md5': base64Sum('md5', body),
    'x-amz-checksum-crc32': crc32Of(body),
    'x-amz-checksum-sha1': base64Sum('sha1', body),
    'x-amz-checksum-sha256': base64Sum('sha256', body),
  }
  const other = bytesOf(50_000, 2)
  const wrong: Readonly<Record<string, string>> = {
    'content-md5': base64Sum('md5', other),
    'x-amz-checksum-crc32': crc32Of(other),
    'x-amz-checksum-crc32c': 'AAAAAA==',
    'x-amz-checksum-sha1': base64Sum('sha1', other),
    'x-amz-checksum-sha256': base64Sum('sha256', other),
  }
  for (const [name, value] of Object.entries(right))
    assert.is((await stage.send(putRaw(stage, name, { [name]: value }))).status, 200, name)
  for (const [name, value] of Object.entries(wrong)) {
    const { status, code } = await stage.send(putRaw(stage, `wrong-${name}`, { [name]: value }))
    assert.is(status, 400, name)
    assert.match(String(code), /^(BadDigest|InvalidDigest)$/, name)
    assert.not(await isThere(stage, `wrong-${name}`), name)
  }
  for (const name of Object.keys(wrong)) {
    const { status } = await stage.send(putRaw(stage, 'no', { [name]: 'no checksum' }))
    assert.is(status, 400, name)
  }
})

test('CRC-32C: the check value of RFC 3720', async (stage) => {
  const digits = Buffer.from('123456789')
  const headers = { ...lengthOf(digits), 'x-amz-checksum-crc32c': '4waSgw==' }
  const path = pathOf(stage, 'crc32c')
  assert.is((await stage.send({ method: 'PUT', path, headers, body: digits })).status, 200)
})

type Framing = { isSigned?: boolean; trailer?: Readonly<Record<string, string>>; spoil?: number }

/** The body in chunks of 20,000 bytes, as aws-chunked frames it. */
const sendChunked = async (stage: S3Stage, key: string, framing: Framing) => {
  const { isSigned = false, trailer, spoil } = framing
  const payload = isSigned
    ? `STREAMING-AWS4-HMAC-SHA256-PAYLOAD${trailer ? '-TRAILER' : ''}`
    : 'STREAMING-UNSIGNED-PAYLOAD-TRAILER'
  const request = {
    method: 'PUT',
    path: pathOf(stage, key),
    headers: {
      'content-encoding': 'aws-chunked',
      'x-amz-decoded-content-length': String(body.length),
      ...(trailer && { 'x-amz-trailer': Object.keys(trailer).join(',') }),
    },
  }
  const { raw, chain } = signed(stage.target, request, { payload })
  let last = chain.signature
  const link = (kind: string, ...hashes: string[]) => {
    const parts = [`AWS4-HMAC-SHA256-${kind}`, chain.date, chain.scope, last, ...hashes]
    last = signText(chain.key, parts.join('\n'))
    return last
  }
  const chunks = [0, 20_000, 40_000, 60_000].map((from, at) => {
    const data = body.subarray(from, from + 20_000)
    const tail = isSigned
      ? `;chunk-signature=${link('PAYLOAD', sha256Hex(''), sha256Hex(data))}`
      : ''
    const sent = Buffer.from(data)
    if (at === spoil) sent[0] = (sent[0] ?? 0) ^ 1
    const end = data.length > 0 ? '\r\n' : ''
    return Buffer.concat([
      Buffer.from(`${data.length.toString(16)}${tail}\r\n`),
      sent,
      Buffer.from(end),
    ])
  })
  const lines = Object.entries(trailer ?? {}).map(([name, value]) => `${name}:${value}`)
  const sum = sha256Hex(lines.map((line) => `${line}\n`).join(''))
  const seal = isSigned && trailer ? [`x-amz-trailer-signature:${link('TRAILER', sum)}`] : []
  const end = Buffer.from(`${[...lines, ...seal].map((line) => `${line}\r\n`).join('')}\r\n`)
  const framed = Buffer.concat([...chunks, end])
  return sendRaw(stage.target.endpoint, {
    ...raw,
    headers: { ...raw.headers, ...lengthOf(framed) },
    body: framed,
  })
}

test('aws-chunked: signed or not, with and without a trailer', async (stage) => {
  const trailer = { 'x-amz-checksum-crc32': crc32Of(body) }
  const forms: Readonly<Record<string, Framing>> = {
    unsigned: { trailer },
    signed: { isSigned: true },
    'signed-trailer': { isSigned: true, trailer },
  }
  for (const [key, framing] of Object.entries(forms)) {
    assert.is((await sendChunked(stage, key, framing)).status, 200, key)
    const found = await stage.send({ method: 'GET', path: pathOf(stage, key) })
    assert.ok(found.body.equals(body), key)
    assert.is(found.headers['content-encoding'] ?? '', '', key)
  }
})

test('aws-chunked: a changed chunk, a wrong trailer, a missing one', async (stage) => {
  const wrong = { 'x-amz-checksum-crc32': crc32Of(bytesOf(10, 3)) }
  for (const spoil of [0, 2]) {
    const { status } = await sendChunked(stage, 'bad', { isSigned: true, spoil })
    assert.ok(status === 403 || status === 400)
  }
  assert.is((await sendChunked(stage, 'bad', { trailer: wrong })).code, 'BadDigest')
  assert.is((await sendChunked(stage, 'bad', { isSigned: true, trailer: wrong })).code, 'BadDigest')
  const right = { 'x-amz-checksum-crc32': crc32Of(body) }
  assert.is((await sendChunked(stage, 'bad', { trailer: right, spoil: 1 })).code, 'BadDigest')
  assert.not(await isThere(stage, 'bad'))
})

test('a body needs its length, and no more than it', async (stage) => {
  const { target } = stage
  const headers = { 'transfer-encoding': 'chunked' }
  const put = { method: 'PUT', path: pathOf(stage, 'unmeasured'), headers, body }
  const { status } = await sendRaw(
    target.endpoint,
    signed(target, put, { payload: unsignedPayload }).raw,
  )
  assert.ok(status === 411 || status === 501)
})

// Beyond what every S3 server does alike.

if (!isElsewhere)
  test('CORS: a browser may ask, send and read', async (stage) => {
    const { endpoint } = stage.target
    const origin = 'https://app.example.com'
    const asked = await sendRaw(endpoint, {
      method: 'OPTIONS',
      path: pathOf(stage, 'a'),
      headers: {
        origin,
        'access-control-request-method': 'PUT',
        'access-control-request-headers': 'content-type,if-none-match,x-amz-checksum-sha256',
      },
    })
    assert.is(asked.status, 204)
    assert.is(asked.headers['access-control-allow-origin'], '*')
    assert.match(String(asked.headers['access-control-allow-methods']), /PUT/)
    assert.match(String(asked.headers['access-control-allow-headers']), /x-amz-checksum-sha256/)
    const refused = await sendRaw(endpoint, {
      method: 'GET',
      path: pathOf(stage, 'a'),
      headers: { origin },
    })
    assert.is(refused.status, 403)
    assert.is(refused.headers['access-control-allow-origin'], '*')
    assert.match(String(refused.headers['access-control-expose-headers']), /ETag/)
  })

test.run()

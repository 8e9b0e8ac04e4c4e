import { GetObjectCommand, PutObjectCommand, UploadPartCommand } from '@aws-sdk/client-s3'
import { getSignedUrl } from '@aws-sdk/s3-request-presigner'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { sha256Hex } from '../../../protocol/sigv4.ts'
import { createPresigner, type Presigner } from '../../../src/store/presign.ts'
import {
  bytesOf,
  clientOf,
  closeStage,
  openStage,
  type S3Stage,
  sendRaw,
  whose,
} from '../s3-stage.ts'

type Stage = S3Stage & { presigner: Presigner }

const test = suite<Stage>(`contract of pre-signed URLs (${whose})`)
test.before(async (stage) => {
  await openStage(stage)
  const { endpoint, region, credentials } = stage.target
  stage.presigner = createPresigner({
    publicEndpoint: endpoint,
    bucket: stage.bucket,
    region,
    ...credentials,
  })
})
test.after(closeStage)

const body = bytesOf(50_000)
const sha256 = sha256Hex(body)
const lengthOf = (data: Uint8Array) => ({ 'content-length': String(data.length) })
const pathOf = ({ bucket }: Stage, key: string) => `/${bucket}/${key}`
const isThere = async (stage: Stage, key: string) =>
  (await stage.send({ method: 'HEAD', path: pathOf(stage, key) })).status === 200

const grant = { bytes: body.length, contentType: 'audio/ogg', sha256, expiresSeconds: 60 }

/** A PUT to a granted URL, by whoever was given it. */
const putGranted = async (
  granted: { url: string; headers: Readonly<Record<string, string>> },
  { data = body, without = '' } = {},
) => {
  const { origin, pathname, searchParams } = new URL(granted.url)
  const headers = Object.entries({ ...granted.headers, ...lengthOf(data) })
  return sendRaw(origin, {
    method: 'PUT',
    path: pathname,
    query: [...searchParams],
    headers: Object.fromEntries(headers.filter(([name]) => name !== without)),
    body: data,
  })
}

test('a granted PUT is taken once, as it was granted', async (stage) => {
  const granted = stage.presigner.put('granted/1', grant, Date.now())
  assert.is((await putGranted(granted)).status, 200)
  const head = await stage.send({
    method: 'HEAD',
    path: pathOf(stage, 'granted/1'),
    headers: { 'x-amz-checksum-mode': 'ENABLED' },
  })
  assert.is(head.headers['content-type'], 'audio/ogg')
  assert.is(head.headers['x-amz-checksum-sha256'], Buffer.from(sha256, 'hex').toString('base64'))
  const again = await putGranted(granted)
  assert.is(again.status, 412)
  assert.is(again.code, 'PreconditionFailed')
})

test('a granted PUT of other bytes is refused', async (stage) => {
  const granted = stage.presigner.put('granted/2', grant, Date.now())
  const longer = await putGranted(granted, { data: bytesOf(body.length + 1) })
  assert.is(longer.code, 'SignatureDoesNotMatch')
  const shorter = await putGranted(granted, { data: bytesOf(body.length - 1) })
  assert.is(shorter.code, 'SignatureDoesNotMatch')
  const other = await putGranted(granted, { data: bytesOf(body.length, 2) })
  assert.is(other.status, 400)
  for (const without of ['x-amz-checksum-sha256', 'content-type', 'if-none-match'])
    assert.is((await putGranted(granted, { without })).status, 403, without)
  assert.not(await isThere(stage, 'granted/2'))
})

test('a granted URL is for one key, one method, one time', async (stage) => {
  const granted = stage.presigner.put('granted/3', grant, Date.now())
  const at = (change: (url: string) => string) =>
    putGranted({ ...granted, url: change(granted.url) })
  const refused = {
    key: await at((url) => url.replace('granted/3', 'granted/4')),
    longer: await at((url) => url.replace('Expires=60', 'Expires=61')),
    signature: await at((url) => url.replace(/Signature=.{4}/, 'Signature=0000')),
    more: await at((url) => `${url}&acl=`),
  }
  for (const [what, { code }] of Object.entries(refused))
    assert.is(code, 'SignatureDoesNotMatch', what)
  const { pathname, searchParams } = new URL(granted.url)
  const other = await sendRaw(stage.target.endpoint, {
    method: 'DELETE',
    path: pathname,
    query: [...searchParams],
    headers: { ...granted.headers, ...lengthOf(body) },
    body,
  })
  assert.is(other.status, 403)
  const over = stage.presigner.put('granted/3', grant, Date.now() - 62_000)
  const expired = await putGranted(over)
  assert.is(expired.status, 403)
  assert.is(expired.code, 'AccessDenied')
  const early = stage.presigner.put('granted/3', grant, Date.now() + 1_000_000)
  assert.is((await putGranted(early)).status, 403)
  assert.not(await isThere(stage, 'granted/3'))
})

test('a granted GET: range, headers that it asks for', async (stage) => {
  await stage.send({ method: 'PUT', path: pathOf(stage, 'got'), headers: lengthOf(body), body })
  const disposition = 'attachment; filename="a.ogg"'
  const asked = { expiresSeconds: 60, contentType: 'audio/ogg', disposition }
  const { url } = stage.presigner.get('got', asked, Date.now())
  const whole = await fetch(url)
  assert.is(whole.headers.get('content-disposition'), disposition)
  assert.is(whole.headers.get('content-type'), 'audio/ogg')
  assert.ok(Buffer.from(await whole.arrayBuffer()).equals(body))
  const part = await fetch(url, { headers: { range: 'bytes=10-19' } })
  assert.is(part.status, 206)
  assert.ok(Buffer.from(await part.arrayBuffer()).equals(body.subarray(10, 20)))
  const expired = await fetch(stage.presigner.get('got', asked, Date.now() - 100_000).url)
  assert.is(expired.status, 403)
})

test('URLs of the SDK’s presigner work: PUT, GET, part', async (stage) => {
  const { target, bucket } = stage
  const client = clientOf(target, { requestChecksumCalculation: 'WHEN_REQUIRED' })
  const put = await getSignedUrl(client, new PutObjectCommand({ Bucket: bucket, Key: 'sdk +1' }))
  assert.is((await fetch(put, { method: 'PUT', body: new Uint8Array(body) })).status, 200)
  const get = await getSignedUrl(client, new GetObjectCommand({ Bucket: bucket, Key: 'sdk +1' }))
  assert.ok(Buffer.from(await (await fetch(get)).arrayBuffer()).equals(body))
  // With its defaults the SDK puts the CRC-32 of an empty body into the URL: any other body is refused.
  const trap = await getSignedUrl(
    stage.client,
    new PutObjectCommand({ Bucket: bucket, Key: 'trap' }),
  )
  if (trap.includes('x-amz-checksum-crc32'))
    assert.is((await fetch(trap, { method: 'PUT', body: new Uint8Array(body) })).status, 400)
  const part = new UploadPartCommand({ Bucket: bucket, Key: 'k', UploadId: 'none', PartNumber: 1 })
  const refused = await fetch(await getSignedUrl(client, part), { method: 'PUT', body: 'x' })
  assert.is(refused.status, 404)
  client.destroy()
})

test.run()

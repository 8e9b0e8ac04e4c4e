import { createHash } from 'node:crypto'
import { Readable } from 'node:stream'
import {
  CopyObjectCommand,
  CreateBucketCommand,
  DeleteBucketCommand,
  DeleteObjectCommand,
  DeleteObjectsCommand,
  GetBucketLocationCommand,
  GetObjectCommand,
  HeadBucketCommand,
  HeadObjectCommand,
  ListBucketsCommand,
  ListObjectsV2Command,
  PutObjectCommand,
} from '@aws-sdk/client-s3'
import fc from 'fast-check'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { bytesOf, closeStage, codeOf, openStage, type S3Stage, whose } from '../s3-stage.ts'

// What Lapel leans on of S3, held at the embedded store and at whatever S3 server S3_ENDPOINT names.
const test = suite<S3Stage>(`contract of objects (${whose})`)
test.before(openStage)
test.after(closeStage)

const md5 = (data: Uint8Array) => createHash('md5').update(data).digest('hex')
const body = bytesOf(262_144)

const put = ({ client, bucket }: S3Stage, Key: string, Body: Uint8Array | string = 'x') =>
  client.send(new PutObjectCommand({ Bucket: bucket, Key, Body }))
const get = async ({ client, bucket }: S3Stage, Key: string, Range?: string) => {
  const found = await client.send(
    new GetObjectCommand({ Bucket: bucket, Key, ...(Range && { Range }) }),
  )
  return { ...found, bytes: Buffer.from((await found.Body?.transformToByteArray()) ?? []) }
}
const keysIn = async ({ client, bucket }: S3Stage, asked: object) => {
  const page = await client.send(new ListObjectsV2Command({ Bucket: bucket, ...asked }))
  return { ...page, keys: (page.Contents ?? []).map(({ Key }) => Key) }
}

test('buckets: head, create again, list, location, missing, not empty', async (stage) => {
  const { client, bucket } = stage
  await client.send(new HeadBucketCommand({ Bucket: bucket }))
  const again = await codeOf(client.send(new CreateBucketCommand({ Bucket: bucket })))
  assert.match(again, /^(BucketAlreadyOwnedByYou|none)$/)
  const { Buckets = [] } = await client.send(new ListBucketsCommand({}))
  assert.ok(Buckets.some(({ Name }) => Name === bucket))
  await client.send(new GetBucketLocationCommand({ Bucket: bucket }))
  const missing = { Bucket: 'lapel-test-no-such-bucket' }
  assert.is(await codeOf(client.send(new HeadBucketCommand(missing))), 'NotFound')
  assert.is(
    await codeOf(client.send(new PutObjectCommand({ ...missing, Key: 'a', Body: 'a' }))),
    'NoSuchBucket',
  )
  await put(stage, 'here')
  assert.is(
    await codeOf(client.send(new DeleteBucketCommand({ Bucket: bucket }))),
    'BucketNotEmpty',
  )
  assert.is(
    await codeOf(client.send(new CreateBucketCommand({ Bucket: 'Not_A_Bucket' }))),
    'InvalidBucketName',
  )
})

test('a buffer: stored with the SDK’s CRC32, its ETag is its MD5', async (stage) => {
  const { ETag } = await put(stage, 'buffer', body)
  assert.is(ETag, `"${md5(body)}"`)
  const found = await get(stage, 'buffer')
  assert.ok(found.bytes.equals(body))
  assert.is(found.ContentLength, body.length)
  assert.is(found.ETag, ETag)
})

test('a stream: chunked with a trailer, stored without its framing', async (stage) => {
  const { client, bucket } = stage
  const pieces = [body.subarray(0, 100_000), body.subarray(100_000)]
  const command = new PutObjectCommand({
    Bucket: bucket,
    Key: 'stream',
    Body: Readable.from(pieces),
    ContentLength: body.length,
  })
  await client.send(command)
  const found = await get(stage, 'stream')
  assert.ok(found.bytes.equals(body))
  assert.is(found.ContentEncoding ?? '', '')
})

test('headers and metadata come back; a missing key is told', async (stage) => {
  const { client, bucket } = stage
  const about = {
    ContentType: 'audio/ogg',
    CacheControl: 'no-store',
    ContentDisposition: 'attachment; filename="a b.ogg"',
    Metadata: { device: 'dev_1' },
  }
  await client.send(new PutObjectCommand({ Bucket: bucket, Key: 'about', Body: 'x', ...about }))
  const head = await client.send(new HeadObjectCommand({ Bucket: bucket, Key: 'about' }))
  for (const [name, value] of Object.entries(about))
    assert.equal(head[name as keyof typeof about], value)
  assert.is(head.ContentLength, 1)
  assert.ok(Math.abs((head.LastModified?.getTime() ?? 0) - Date.now()) < 60_000)
  const asked = { Bucket: bucket, Key: 'no such key' }
  assert.is(await codeOf(client.send(new GetObjectCommand(asked))), 'NoSuchKey')
  assert.is(await codeOf(client.send(new HeadObjectCommand(asked))), 'NotFound')
})

test('a SHA-256 that was said is kept, and shown to who asks', async (stage) => {
  const { client, bucket } = stage
  const ChecksumSHA256 = createHash('sha256').update(body).digest('base64')
  await client.send(
    new PutObjectCommand({ Bucket: bucket, Key: 'sum', Body: body, ChecksumSHA256 }),
  )
  const asked = { Bucket: bucket, Key: 'sum', ChecksumMode: 'ENABLED' } as const
  const head = await client.send(new HeadObjectCommand(asked))
  assert.is(head.ChecksumSHA256, ChecksumSHA256)
})

test('an empty object', async (stage) => {
  await put(stage, 'empty', new Uint8Array())
  const found = await get(stage, 'empty')
  assert.is(found.ContentLength, 0)
  assert.is(await codeOf(get(stage, 'empty', 'bytes=0-0')), 'InvalidRange')
})

test('any range is the slice that HTTP says', async (stage) => {
  const size = 1_000
  await put(stage, 'ranged', body.subarray(0, size))
  const whole = body.subarray(0, size)
  const number = fc.integer({ min: 0, max: 1_200 })
  const ranges = fc.oneof(
    fc
      .tuple(number, number)
      .filter(([a, b]) => a <= b)
      .map(([a, b]) => [a, b, `${a}-${b}`] as const),
    number.map((a) => [a, size, `${a}-`] as const),
    number.filter((n) => n > 0).map((n) => [Math.max(0, size - n), size, `-${n}`] as const),
  )
  await fc.assert(
    fc.asyncProperty(ranges, async ([from, last, text]) => {
      if (from >= size) {
        assert.is(await codeOf(get(stage, 'ranged', `bytes=${text}`)), 'InvalidRange')
        return
      }
      const end = Math.min(last + 1, size)
      const found = await get(stage, 'ranged', `bytes=${text}`)
      assert.ok(found.bytes.equals(whole.subarray(from, end)), text)
      assert.is(found.ContentRange, `bytes ${from}-${end - 1}/${size}`)
    }),
    { numRuns: 100 },
  )
})

test('conditions of reads: 304 and 412', async (stage) => {
  const { client, bucket } = stage
  const { ETag } = await put(stage, 'known')
  const asked = { Bucket: bucket, Key: 'known' }
  const statusOf = async (condition: object) => {
    try {
      await client.send(new GetObjectCommand({ ...asked, ...condition }))
      return 200
    } catch (error) {
      return (error as { $metadata?: { httpStatusCode?: number } }).$metadata?.httpStatusCode
    }
  }
  assert.is(await statusOf({ IfNoneMatch: ETag }), 304)
  assert.is(await statusOf({ IfNoneMatch: '"another"' }), 200)
  assert.is(await statusOf({ IfMatch: '"another"' }), 412)
  assert.is(await statusOf({ IfMatch: ETag }), 200)
  const { LastModified } = await client.send(new HeadObjectCommand(asked))
  assert.is(await statusOf({ IfModifiedSince: LastModified }), 304)
  assert.is(await statusOf({ IfUnmodifiedSince: new Date(1_000_000_000_000) }), 412)
})

test('conditions of writes: If-None-Match and If-Match', async (stage) => {
  const { client, bucket } = stage
  const write = (Key: string, condition: object) =>
    codeOf(client.send(new PutObjectCommand({ Bucket: bucket, Key, Body: 'x', ...condition })))
  assert.is(await write('once', { IfNoneMatch: '*' }), 'none')
  assert.is(await write('once', { IfNoneMatch: '*' }), 'PreconditionFailed')
  const { ETag } = await put(stage, 'once', 'second')
  assert.is(
    await write('once', { IfMatch: '"0123456789abcdef0123456789abcdef"' }),
    'PreconditionFailed',
  )
  assert.is(await write('once', { IfMatch: ETag }), 'none')
  assert.is(await write('nothing here', { IfMatch: ETag }), 'NoSuchKey')
})

test('twenty racing writers of one key: one wins', async ({ client, bucket }) => {
  const writers = Array.from({ length: 20 }, (_, at) =>
    codeOf(
      client.send(
        new PutObjectCommand({ Bucket: bucket, Key: 'race', Body: `${at}`, IfNoneMatch: '*' }),
      ),
    ),
  )
  const codes = await Promise.all(writers)
  assert.is(codes.filter((code) => code === 'none').length, 1)
  for (const code of codes)
    assert.match(code, /^(none|PreconditionFailed|ConditionalRequestConflict)$/)
})

test('listing: prefix, delimiter, pages, start-after, and any key', async (stage) => {
  const names = [
    'a',
    'a b+c',
    'a-',
    'a/',
    'a/1',
    'a/2/x',
    'a/2/y',
    'a0',
    'ä€😀',
    `${'l'.repeat(300)}`,
  ]
  const keys = names.map((name) => `list/${name}`)
  for (const key of keys) await put(stage, key)
  const inOrder = [...keys].sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)))
  assert.equal((await keysIn(stage, { Prefix: 'list/' })).keys, inOrder)
  const folders = await keysIn(stage, { Prefix: 'list/a/', Delimiter: '/' })
  assert.equal(folders.keys, ['list/a/', 'list/a/1'])
  assert.equal(
    folders.CommonPrefixes?.map(({ Prefix }) => Prefix),
    ['list/a/2/'],
  )
  const paged: unknown[] = []
  let ContinuationToken: string | undefined
  do {
    const page = await keysIn(stage, {
      Prefix: 'list/',
      MaxKeys: 3,
      ...(ContinuationToken && { ContinuationToken }),
    })
    assert.ok(page.keys.length <= 3)
    paged.push(...page.keys)
    ContinuationToken = page.NextContinuationToken
  } while (ContinuationToken)
  assert.equal(paged, inOrder)
  const later = await keysIn(stage, { Prefix: 'list/', StartAfter: inOrder[4] })
  assert.equal(later.keys, inOrder.slice(5))
  assert.is((await get(stage, `list/${'l'.repeat(300)}`)).bytes.toString(), 'x')
  assert.is((await get(stage, 'list/ä€😀')).bytes.toString(), 'x')
})

test('pages by a delimiter neither repeat nor skip', async (stage) => {
  const keys = ['p/a/1', 'p/a/2', 'p/b', 'p/c/1', 'p/c/2', 'p/d']
  for (const key of keys) await put(stage, key)
  const seen: unknown[] = []
  let ContinuationToken: string | undefined
  do {
    const page = await keysIn(stage, {
      Prefix: 'p/',
      Delimiter: '/',
      MaxKeys: 1,
      ...(ContinuationToken && { ContinuationToken }),
    })
    seen.push(...page.keys, ...(page.CommonPrefixes ?? []).map(({ Prefix }) => Prefix))
    ContinuationToken = page.NextContinuationToken
  } while (ContinuationToken)
  assert.equal(seen, ['p/a/', 'p/b', 'p/c/', 'p/d'])
})

test('delete: one, many, and what is not there', async (stage) => {
  const { client, bucket } = stage
  for (const key of ['d/1', 'd/2', 'd/3/x']) await put(stage, key)
  await client.send(new DeleteObjectCommand({ Bucket: bucket, Key: 'd/1' }))
  await client.send(new DeleteObjectCommand({ Bucket: bucket, Key: 'd/1' }))
  const Objects = ['d/2', 'd/3/x', 'd/never & <ever>'].map((Key) => ({ Key }))
  const many = await client.send(new DeleteObjectsCommand({ Bucket: bucket, Delete: { Objects } }))
  assert.is(many.Deleted?.length, 3)
  assert.is(many.Errors, undefined)
  assert.equal((await keysIn(stage, { Prefix: 'd/' })).keys, [])
})

test('copy: the bytes and their headers, or others', async (stage) => {
  const { client, bucket } = stage
  const Key = 'copy/source +ä'
  await client.send(
    new PutObjectCommand({ Bucket: bucket, Key, Body: body, ContentType: 'audio/ogg' }),
  )
  const CopySource = encodeURIComponent(`${bucket}/${Key}`)
  const copy = (asked: object) =>
    client.send(new CopyObjectCommand({ Bucket: bucket, Key: 'copy/to', CopySource, ...asked }))
  const { CopyObjectResult } = await copy({})
  assert.is(CopyObjectResult?.ETag, `"${md5(body)}"`)
  const found = await get(stage, 'copy/to')
  assert.ok(found.bytes.equals(body))
  assert.is(found.ContentType, 'audio/ogg')
  await copy({ MetadataDirective: 'REPLACE', ContentType: 'audio/opus' })
  assert.is((await get(stage, 'copy/to')).ContentType, 'audio/opus')
  assert.is(await codeOf(copy({ CopySourceIfMatch: '"other"' })), 'PreconditionFailed')
  assert.is(await codeOf(copy({ CopySource: `${bucket}/nothing` })), 'NoSuchKey')
})

test.run()

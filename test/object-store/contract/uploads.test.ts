import { createHash } from 'node:crypto'
import {
  AbortMultipartUploadCommand,
  CompleteMultipartUploadCommand,
  CreateMultipartUploadCommand,
  GetObjectCommand,
  ListMultipartUploadsCommand,
  ListPartsCommand,
  PutObjectCommand,
  UploadPartCommand,
  UploadPartCopyCommand,
} from '@aws-sdk/client-s3'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { bytesOf, closeStage, codeOf, openStage, type S3Stage, whose } from '../s3-stage.ts'

const test = suite<S3Stage>(`contract of uploads in parts (${whose})`)
test.before(openStage)
test.after(closeStage)

const partBytes = 5 * 1_048_576
const first = bytesOf(partBytes, 1)
const second = bytesOf(partBytes, 2)
const last = bytesOf(1_000, 3)
const md5 = (data: Uint8Array) => createHash('md5').update(data).digest()
type Parts = readonly { readonly PartNumber: number; readonly ETag: string | undefined }[]

const begin = async ({ client, bucket }: S3Stage, Key: string, about: object = {}) => {
  const made = await client.send(
    new CreateMultipartUploadCommand({ Bucket: bucket, Key, ...about }),
  )
  return { Bucket: bucket, Key, UploadId: made.UploadId ?? '' }
}
type Upload = Awaited<ReturnType<typeof begin>>

const part = async ({ client }: S3Stage, upload: Upload, PartNumber: number, Body: Uint8Array) => {
  const { ETag } = await client.send(new UploadPartCommand({ ...upload, PartNumber, Body }))
  return { PartNumber, ETag }
}
const complete = ({ client }: S3Stage, upload: Upload, Parts: Parts, about: object = {}) =>
  client.send(
    new CompleteMultipartUploadCommand({
      ...upload,
      MultipartUpload: { Parts: [...Parts] },
      ...about,
    }),
  )
const read = async ({ client, bucket }: S3Stage, Key: string) => {
  const { Body, ContentType } = await client.send(new GetObjectCommand({ Bucket: bucket, Key }))
  return { bytes: Buffer.from((await Body?.transformToByteArray()) ?? []), ContentType }
}

test('parts in any order become one object', async (stage) => {
  const upload = await begin(stage, 'whole', { ContentType: 'audio/ogg' })
  const third = await part(stage, upload, 3, last)
  const parts = [await part(stage, upload, 1, first), await part(stage, upload, 2, second), third]
  const { ETag } = await complete(stage, upload, parts)
  const sums = createHash('md5').update(Buffer.concat([first, second, last].map(md5)))
  assert.is(ETag, `"${sums.digest('hex')}-3"`)
  const found = await read(stage, 'whole')
  assert.ok(found.bytes.equals(Buffer.concat([first, second, last])))
  assert.is(found.ContentType, 'audio/ogg')
  assert.is(await codeOf(part(stage, upload, 4, last)), 'NoSuchUpload')
})

test('a part that is sent again replaces the one before', async (stage) => {
  const upload = await begin(stage, 'again')
  await part(stage, upload, 1, first)
  const kept = await part(stage, upload, 1, last)
  await complete(stage, upload, [kept])
  assert.ok((await read(stage, 'again')).bytes.equals(last))
})

test('completion: wrong ETag, missing, wrong order, too small', async (stage) => {
  const upload = await begin(stage, 'refused')
  const one = await part(stage, upload, 1, last)
  const two = await part(stage, upload, 2, last)
  const wrong = { PartNumber: 1, ETag: '"00000000000000000000000000000000"' }
  assert.is(await codeOf(complete(stage, upload, [wrong])), 'InvalidPart')
  assert.is(await codeOf(complete(stage, upload, [{ ...one, PartNumber: 9 }])), 'InvalidPart')
  assert.is(await codeOf(complete(stage, upload, [two, one])), 'InvalidPartOrder')
  assert.is(await codeOf(complete(stage, upload, [one, two])), 'EntityTooSmall')
  await complete(stage, upload, [one])
})

test('completion under If-None-Match', async (stage) => {
  const { client, bucket } = stage
  await client.send(new PutObjectCommand({ Bucket: bucket, Key: 'taken', Body: 'x' }))
  const upload = await begin(stage, 'taken')
  const one = await part(stage, upload, 1, last)
  const refused = codeOf(complete(stage, upload, [one], { IfNoneMatch: '*' }))
  assert.is(await refused, 'PreconditionFailed')
  assert.is((await read(stage, 'taken')).bytes.toString(), 'x')
  await client.send(new AbortMultipartUploadCommand(upload))
})

test('parts copied within the store, whole and by range', async (stage) => {
  const { client, bucket } = stage
  await client.send(new PutObjectCommand({ Bucket: bucket, Key: 'from', Body: first }))
  const upload = await begin(stage, 'copied')
  const copy = async (PartNumber: number, about: object) => {
    const asked = { ...upload, PartNumber, CopySource: `${bucket}/from`, ...about }
    const { CopyPartResult } = await client.send(new UploadPartCopyCommand(asked))
    return { PartNumber, ETag: CopyPartResult?.ETag }
  }
  const parts = [await copy(1, {}), await copy(2, { CopySourceRange: 'bytes=100-1099' })]
  await complete(stage, upload, parts)
  const expected = Buffer.concat([first, first.subarray(100, 1_100)])
  assert.ok((await read(stage, 'copied')).bytes.equals(expected))
  const missing = await begin(stage, 'copied-2')
  const nothing = { ...missing, PartNumber: 1, CopySource: `${bucket}/nothing` }
  assert.is(await codeOf(client.send(new UploadPartCopyCommand(nothing))), 'NoSuchKey')
  const beyond = { ...missing, PartNumber: 1, CopySource: `${bucket}/from` }
  const range = { CopySourceRange: `bytes=0-${partBytes}` }
  assert.match(
    await codeOf(client.send(new UploadPartCopyCommand({ ...beyond, ...range }))),
    /^Invalid(Argument|Range)$/,
  )
  await client.send(new AbortMultipartUploadCommand(missing))
})

test('parts and uploads are listed; an aborted one is gone', async (stage) => {
  const { client, bucket } = stage
  const upload = await begin(stage, 'listed/1')
  const other = await begin(stage, 'listed/2')
  for (const number of [1, 2, 3]) await part(stage, upload, number, last)
  const page = await client.send(new ListPartsCommand({ ...upload, MaxParts: 2 }))
  assert.equal(
    page.Parts?.map(({ PartNumber, Size }) => [PartNumber, Size]),
    [
      [1, 1_000],
      [2, 1_000],
    ],
  )
  assert.is(page.IsTruncated, true)
  const rest = new ListPartsCommand({ ...upload, PartNumberMarker: page.NextPartNumberMarker })
  assert.equal(
    (await client.send(rest)).Parts?.map(({ PartNumber }) => PartNumber),
    [3],
  )
  const uploads = await client.send(
    new ListMultipartUploadsCommand({ Bucket: bucket, Prefix: 'listed/' }),
  )
  assert.equal(
    uploads.Uploads?.map(({ Key }) => Key),
    ['listed/1', 'listed/2'],
  )
  for (const one of [upload, other]) await client.send(new AbortMultipartUploadCommand(one))
  assert.is(await codeOf(part(stage, upload, 4, last)), 'NoSuchUpload')
  assert.is(await codeOf(client.send(new ListPartsCommand(upload))), 'NoSuchUpload')
  assert.is(await codeOf(client.send(new AbortMultipartUploadCommand(upload))), 'NoSuchUpload')
})

test('part numbers are 1 to 10,000', async (stage) => {
  const upload = await begin(stage, 'numbers')
  assert.is(await codeOf(part(stage, upload, 10_000, last)), 'none')
  for (const number of [0, 10_001])
    assert.is(await codeOf(part(stage, upload, number, last)), 'InvalidArgument')
  await stage.client.send(new AbortMultipartUploadCommand(upload))
})

test('checksums of parts are verified, and joined for the whole', async (stage) => {
  const upload = await begin(stage, 'summed', { ChecksumAlgorithm: 'SHA256' })
  const sha256 = (data: Uint8Array) => createHash('sha256').update(data).digest()
  const send = (PartNumber: number, Body: Uint8Array, sum: Buffer) =>
    stage.client.send(
      new UploadPartCommand({
        ...upload,
        PartNumber,
        Body,
        ChecksumSHA256: sum.toString('base64'),
      }),
    )
  assert.is(await codeOf(send(1, first, sha256(second))), 'BadDigest')
  const made = [await send(1, first, sha256(first)), await send(2, last, sha256(last))]
  const parts = made.map(({ ETag, ChecksumSHA256 }, at) => ({
    PartNumber: at + 1,
    ETag,
    ChecksumSHA256,
  }))
  const { ChecksumSHA256 } = await complete(stage, upload, parts)
  const joined = sha256(Buffer.concat([sha256(first), sha256(last)])).toString('base64')
  assert.is(ChecksumSHA256, `${joined}-2`)
})

test.run()

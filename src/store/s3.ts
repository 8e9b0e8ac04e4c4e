import {
  AbortMultipartUploadCommand,
  type BucketLocationConstraint,
  CompleteMultipartUploadCommand,
  CreateBucketCommand,
  CreateMultipartUploadCommand,
  DeleteObjectsCommand,
  GetObjectCommand,
  HeadBucketCommand,
  ListObjectsV2Command,
  PutObjectCommand,
  S3Client,
  UploadPartCommand,
  UploadPartCopyCommand,
} from '@aws-sdk/client-s3'
import { instantOf } from '../../protocol/instant.ts'
import {
  objectStoreConnectMsMax,
  objectStoreDeleteKeysMax,
  objectStoreMsMax,
  objectStoreSocketsMax,
  objectStoreTransferMsMax,
} from '../../protocol/limits.ts'
import { encodePath } from '../../protocol/sigv4.ts'
import {
  type ByteRange,
  type ListedObject,
  NoSuchObject,
  NoSuchUpload,
  type ObjectStore,
  ObjectStoreUnavailable,
} from './object-store.ts'
import { base64OfHex, createPresigner } from './presign.ts'
import { called, receivedBody, sendingBody } from './s3-calls.ts'
import { headBy } from './s3-head.ts'

export type S3Settings = {
  /** Origin, as this process reaches the store. */
  readonly endpoint: string
  /** Origin, as devices and browsers reach it: pre-signed URLs name it. */
  readonly publicEndpoint: string
  readonly bucket: string
  readonly region: string
  readonly accessKeyId: string
  readonly secretAccessKey: string
  /** Milliseconds since 1970. */
  readonly now: () => number
}

type Bucket = { readonly client: S3Client; readonly Bucket: string }

const brief = (what: string) => ({ what, msMax: objectStoreMsMax })
const lengthy = (what: string, signal?: AbortSignal) => ({
  what,
  msMax: objectStoreTransferMsMax,
  ...(signal && { signal }),
})

const rangeText = ({ from, bytes }: ByteRange): string =>
  bytes === undefined ? `bytes=${from}-` : `bytes=${from}-${from + bytes - 1}`

const base64Sha256 = (sha256: string | undefined) =>
  sha256 === undefined ? {} : { ChecksumSHA256: base64OfHex(sha256) }

const read =
  ({ client, Bucket }: Bucket): ObjectStore['read'] =>
  async (key, range) => {
    const part = range && { Range: rangeText(range) }
    const command = new GetObjectCommand({ Bucket, Key: key, ...part })
    const what = `read of ${key}`
    const { Body } = await called(brief(what), (o) => client.send(command, o))
    return receivedBody(what, Body as AsyncIterable<Uint8Array>)
  }

const write =
  ({ client, Bucket }: Bucket): ObjectStore['write'] =>
  (key, body, { bytes, contentType, sha256, ifNoneMatch }) =>
    sendingBody(body, bytes, async (Body, signal) => {
      const command = new PutObjectCommand({
        Bucket,
        Key: key,
        Body,
        ContentLength: bytes,
        ContentType: contentType,
        ...base64Sha256(sha256),
        ...(ifNoneMatch && { IfNoneMatch: ifNoneMatch }),
      })
      await called(lengthy(`write of ${key}`, signal), (o) => client.send(command, o))
    })

const remove =
  ({ client, Bucket }: Bucket): ObjectStore['delete'] =>
  async (keys) => {
    for (let at = 0; at < keys.length; at += objectStoreDeleteKeysMax) {
      const Objects = keys.slice(at, at + objectStoreDeleteKeysMax).map((Key) => ({ Key }))
      const command = new DeleteObjectsCommand({ Bucket, Delete: { Objects, Quiet: true } })
      const { Errors = [] } = await called(lengthy('delete'), (o) => client.send(command, o))
      const [first] = Errors
      if (first) throw new ObjectStoreUnavailable(`delete of ${first.Key}: ${first.Code}`)
    }
  }

async function* list({ client, Bucket }: Bucket, Prefix: string, after?: string) {
  let last = after
  for (;;) {
    const page = { Bucket, Prefix, ...(last !== undefined && { StartAfter: last }) }
    const command = new ListObjectsV2Command(page)
    const found = await called(brief(`list of ${Prefix}`), (o) => client.send(command, o))
    const { Contents = [], IsTruncated } = found
    for (const { Key = '', Size = 0, ETag = '', LastModified } of Contents)
      yield {
        key: Key,
        bytes: Size,
        etag: ETag,
        modifiedAt: instantOf(LastModified?.getTime() ?? 0),
      } satisfies ListedObject
    last = Contents.at(-1)?.Key
    if (!IsTruncated || last === undefined) return
  }
}

const multipart = ({ client, Bucket }: Bucket) =>
  ({
    createMultipart: async (key, contentType) => {
      const command = new CreateMultipartUploadCommand({
        Bucket,
        Key: key,
        ContentType: contentType,
      })
      const made = await called(brief(`upload of ${key}`), (o) => client.send(command, o))
      return made.UploadId ?? ''
    },
    uploadPart: ({ key, uploadId }, number, body, { bytes, sha256 }) =>
      sendingBody(body, bytes, async (Body, signal) => {
        const command = new UploadPartCommand({
          Bucket,
          Key: key,
          UploadId: uploadId,
          PartNumber: number,
          Body,
          ContentLength: bytes,
          ...base64Sha256(sha256),
        })
        const call = lengthy(`part ${number} of ${key}`, signal)
        const { ETag = '' } = await called(call, (o) => client.send(command, o))
        return { number, etag: ETag }
      }),
    copyPart: async ({ key, uploadId }, number, source) => {
      const command = new UploadPartCopyCommand({
        Bucket,
        Key: key,
        UploadId: uploadId,
        PartNumber: number,
        CopySource: encodePath(`${Bucket}/${source.key}`),
        ...(source.range && { CopySourceRange: rangeText(source.range) }),
      })
      const call = lengthy(`copy of ${source.key}`)
      const { CopyPartResult } = await called(call, (o) => client.send(command, o))
      return { number, etag: CopyPartResult?.ETag ?? '' }
    },
    complete: async ({ key, uploadId }, parts) => {
      const Parts = parts.map(({ number, etag }) => ({ PartNumber: number, ETag: etag }))
      const command = new CompleteMultipartUploadCommand({
        Bucket,
        Key: key,
        UploadId: uploadId,
        MultipartUpload: { Parts },
      })
      await called(lengthy(`completion of ${key}`), (o) => client.send(command, o))
    },
    abort: async ({ key, uploadId }) => {
      const command = new AbortMultipartUploadCommand({ Bucket, Key: key, UploadId: uploadId })
      await called(brief(`abort of ${key}`), (o) => client.send(command, o)).catch(
        (error: unknown) => {
          if (!(error instanceof NoSuchUpload)) throw error
        },
      )
    },
  }) satisfies Partial<ObjectStore>

const check = async ({ client, Bucket }: Bucket): Promise<void> => {
  await called(brief(`bucket ${Bucket}`), (o) => client.send(new HeadBucketCommand({ Bucket }), o))
}

const ensureBucket = async (bucket: Bucket, region: string): Promise<void> => {
  const { client, Bucket } = bucket
  try {
    await check(bucket)
  } catch (error) {
    if (!(error instanceof NoSuchObject)) throw error
    // us-east-1 is what stands where no place is named, and must not be.
    const place = { LocationConstraint: region as BucketLocationConstraint }
    const command = new CreateBucketCommand({
      Bucket,
      ...(region !== 'us-east-1' && { CreateBucketConfiguration: place }),
    })
    await called(brief(`making of bucket ${Bucket}`), (o) => client.send(command, o))
  }
}

/** What it would say is thrown as well, and told by whoever catches it. */
const silent = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} }

/** The object store that speaks S3 at that address. Nothing connects before it is used. */
export const openS3 = (settings: S3Settings): ObjectStore => {
  const { endpoint, region, accessKeyId, secretAccessKey, now } = settings
  const client = new S3Client({
    endpoint,
    region,
    credentials: { accessKeyId, secretAccessKey },
    forcePathStyle: true,
    logger: silent,
    // The default adds a CRC32 in a trailer to each body; Lapel says a SHA-256 where one is known.
    requestChecksumCalculation: 'WHEN_REQUIRED',
    responseChecksumValidation: 'WHEN_REQUIRED',
    requestHandler: {
      connectionTimeout: objectStoreConnectMsMax,
      httpAgent: { keepAlive: true, maxSockets: objectStoreSocketsMax },
      httpsAgent: { keepAlive: true, maxSockets: objectStoreSocketsMax },
    },
  })
  const bucket: Bucket = { client, Bucket: settings.bucket }
  const presigner = createPresigner(settings)
  return {
    head: headBy(client.config.requestHandler, settings),
    read: read(bucket),
    write: write(bucket),
    delete: remove(bucket),
    list: (prefix, after) => list(bucket, prefix, after),
    ...multipart(bucket),
    presignPut: (key, grant) => presigner.put(key, grant, now()),
    presignGet: (key, grant) => presigner.get(key, grant, now()),
    ensureBucket: () => ensureBucket(bucket, region),
    check: () => check(bucket),
    close: () => client.destroy(),
  }
}

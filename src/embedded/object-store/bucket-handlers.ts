import { objectStoreListedKeysMax } from '../../../protocol/limits-embedded.ts'
import { encodePath } from '../../../protocol/sigv4.ts'
import { type Call, countOf, type Handler, isoOf, quoted, type Store, xmlAnswer } from './call.ts'
import { S3Fault } from './faults.ts'
import { keyBytes, keyOfBytes } from './key-paths.ts'
import type { Described } from './stored-file.ts'
import { pastAll } from './walk.ts'
import { branch, leaf, xmlDocument } from './xml.ts'

export const listBuckets: Handler = async (_, { objects }) => {
  const owner = branch('Owner', [leaf('ID', 'lapel'), leaf('DisplayName', 'lapel')])
  const buckets = objects.buckets
    .list()
    .map((name) => branch('Bucket', [leaf('Name', name), leaf('CreationDate', isoOf(0))]))
  return xmlAnswer(xmlDocument('ListAllMyBucketsResult', [owner, branch('Buckets', buckets)]))
}

export const createBucket: Handler = async ({ bucket }, { objects }) => {
  await objects.buckets.create(bucket)
  return { status: 200, headers: { location: `/${bucket}` } }
}

export const headBucket: Handler = async ({ bucket }, { objects, region }) => {
  objects.buckets.pathOf(bucket)
  return { status: 200, headers: { 'x-amz-bucket-region': region } }
}

export const deleteBucket: Handler = async ({ bucket }, { objects }) => {
  await objects.buckets.remove(bucket)
  return { status: 204 }
}

export const locateBucket: Handler = async ({ bucket }, { objects, region }) => {
  objects.buckets.pathOf(bucket)
  // A region's name as text of the root element; us-east-1 is the one without a name.
  const name = region === 'us-east-1' ? '' : region
  return xmlAnswer(xmlDocument('LocationConstraint', [name]))
}

/** How keys stand in a listing: as they are, or percent-encoded for those that XML cannot hold. */
export const encodingOf = ({ query }: Call): ((key: string) => string) => {
  const encoding = query.get('encoding-type')
  if (encoding === undefined) return (key) => key
  if (encoding !== 'url') throw new S3Fault('InvalidArgument', 'encoding-type is url alone')
  return encodePath
}

type Page = {
  readonly contents: string[]
  readonly prefixes: string[]
  /** Where the next page goes on, in bytes of keys; undefined at the end. */
  readonly next: string | undefined
}
type Asked = {
  readonly prefix: string
  readonly delimiter: string
  readonly after: string
  readonly max: number
}

type Listed = { readonly keyBytes: string; readonly describe: () => Promise<Described | undefined> }

/** The keys' common beginning up to the delimiter, where the key has one past the prefix. */
const commonOf = (keyBytes: string, { prefix, delimiter }: Asked): string | undefined => {
  const at = delimiter === '' ? -1 : keyBytes.indexOf(delimiter, prefix.length)
  return at < 0 ? undefined : keyBytes.slice(0, at + delimiter.length)
}

const entryOf = async (listed: Listed, encode: (key: string) => string) => {
  const described = await listed.describe()
  if (!described) return undefined
  const { modified, etag, bytes } = described
  return branch('Contents', [
    leaf('Key', encode(keyOfBytes(listed.keyBytes))),
    leaf('LastModified', isoOf(modified)),
    leaf('ETag', quoted(etag)),
    leaf('Size', bytes),
    leaf('StorageClass', 'STANDARD'),
  ])
}

const readPage = async (call: Call, { objects }: Store, asked: Asked): Promise<Page> => {
  const encode = encodingOf(call)
  const page = { contents: [] as string[], prefixes: [] as string[] }
  const sought = { prefix: asked.prefix, after: asked.after }
  if (asked.max === 0) return { ...page, next: undefined }
  let last = asked.after
  for await (const found of objects.list(call.bucket, sought)) {
    const common = commonOf(found.keyBytes, asked)
    const entry =
      common === undefined
        ? await entryOf(found, encode)
        : branch('CommonPrefixes', [leaf('Prefix', encode(keyOfBytes(common)))])
    if (entry === undefined) continue // removed meanwhile
    if (page.contents.length + page.prefixes.length >= asked.max) return { ...page, next: last }
    page[common === undefined ? 'contents' : 'prefixes'].push(entry)
    last = common === undefined ? found.keyBytes : pastAll(common)
    sought.after = last
  }
  return { ...page, next: undefined }
}

const tokenOf = (bytes: string) => Buffer.from(bytes, 'latin1').toString('base64url')
const bytesOfToken = (token: string) => Buffer.from(token, 'base64url').toString('latin1')

export const listObjects: Handler = async (call, store) => {
  const { query, bucket } = call
  if (query.get('list-type') !== '2')
    throw new S3Fault('NotImplemented', 'Objects are listed by ListObjectsV2')
  const encode = encodingOf(call)
  const [prefix, delimiter] = [query.get('prefix') ?? '', query.get('delimiter') ?? '']
  const token = query.get('continuation-token')
  const startAfter = query.get('start-after') ?? ''
  const max = countOf(call, 'max-keys', objectStoreListedKeysMax)
  const page = await readPage(call, store, {
    prefix: keyBytes(prefix),
    delimiter: keyBytes(delimiter),
    after: token === undefined ? keyBytes(startAfter) : bytesOfToken(token),
    max,
  })
  return xmlAnswer(
    xmlDocument('ListBucketResult', [
      leaf('Name', bucket),
      leaf('Prefix', encode(prefix)),
      ...(delimiter === '' ? [] : [leaf('Delimiter', encode(delimiter))]),
      ...(startAfter === '' ? [] : [leaf('StartAfter', encode(startAfter))]),
      ...(query.has('encoding-type') ? [leaf('EncodingType', 'url')] : []),
      leaf('MaxKeys', max),
      leaf('KeyCount', page.contents.length + page.prefixes.length),
      leaf('IsTruncated', page.next !== undefined),
      ...(token === undefined ? [] : [leaf('ContinuationToken', token)]),
      ...(page.next === undefined ? [] : [leaf('NextContinuationToken', tokenOf(page.next))]),
      ...page.contents,
      ...page.prefixes,
    ]),
  )
}

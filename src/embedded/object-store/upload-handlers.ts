import { objectStoreListedKeysMax } from '../../../protocol/limits-embedded.ts'
import { encodingOf } from './bucket-handlers.ts'
import { countOf, type Handler, isoOf, needed, quoted, xmlAnswer } from './call.ts'
import { parseAlgorithm } from './checksums.ts'
import { parseRange } from './conditions.ts'
import { S3Fault } from './faults.ts'
import { textOf } from './incoming.ts'
import { bodyOf, checksumHeaders, keptHeaders, openSource } from './object-handlers.ts'
import type { AskedPart } from './parts.ts'
import { parsePartNumber } from './uploads.ts'
import { branch, childrenOf, textOf as elementText, leaf, parseXml, xmlDocument } from './xml.ts'

export const createUpload: Handler = async (call, { uploads }) => {
  const { bucket, key, headers } = call
  const algorithm = headers['x-amz-checksum-algorithm']
  if (headers['x-amz-checksum-type']?.toUpperCase() === 'FULL_OBJECT')
    throw new S3Fault('NotImplemented', 'Checksums of uploads in parts are composite')
  const { id } = await uploads.begin({
    bucket,
    key,
    headers: keptHeaders(headers),
    ...(algorithm !== undefined && { algorithm: parseAlgorithm(algorithm) }),
  })
  const result = [leaf('Bucket', bucket), leaf('Key', key), leaf('UploadId', id)]
  const answer = xmlAnswer(xmlDocument('InitiateMultipartUploadResult', result))
  return algorithm === undefined
    ? answer
    : { ...answer, headers: { ...answer.headers, 'x-amz-checksum-algorithm': algorithm } }
}

export const uploadPart: Handler = async (call, { uploads }) => {
  const number = parsePartNumber(call.query.get('partNumber'))
  const upload = await uploads.find(needed(call, 'uploadId'), call)
  const described = await uploads.put(upload, number, call.body())
  return { status: 200, headers: { etag: quoted(described.etag), ...checksumHeaders(described) } }
}

export const copyPart: Handler = async (call, store) => {
  call.takeTime()
  const number = parsePartNumber(call.query.get('partNumber'))
  const upload = await store.uploads.find(needed(call, 'uploadId'), call)
  const source = await openSource(call, store)
  try {
    const text = call.headers['x-amz-copy-source-range']
    const span = parseRange(text, source.bytes)
    const [, last] = /^bytes=\d+-(\d+)$/.exec(text ?? '') ?? []
    if (text !== undefined && (!span || last === undefined || Number(last) >= source.bytes))
      throw new S3Fault(
        'InvalidArgument',
        'x-amz-copy-source-range is bytes=first-last within the source',
      )
    const body = bodyOf(source, span ?? { from: 0, bytes: source.bytes })
    const described = await store.uploads.put(upload, number, body)
    const result = [
      leaf('ETag', quoted(described.etag)),
      leaf('LastModified', isoOf(described.modified)),
    ]
    return xmlAnswer(xmlDocument('CopyPartResult', result))
  } finally {
    await source.handle.close()
  }
}

const askedParts = (text: string): AskedPart[] => {
  const asked = parseXml(text)
  if (asked.name !== 'CompleteMultipartUpload') throw new S3Fault('MalformedXML')
  return childrenOf(asked, 'Part').map((part) => ({
    number: parsePartNumber(elementText(part, 'PartNumber')),
    etag: elementText(part, 'ETag') ?? '',
  }))
}

export const completeUpload: Handler = async (call, { uploads, onCreated }) => {
  const asked = askedParts(await textOf(call.body()))
  const upload = await uploads.find(needed(call, 'uploadId'), call)
  call.takeTime()
  const described = await uploads.complete(upload, asked, call.headers)
  onCreated({ ...call, described, how: 'CompleteMultipartUpload' })
  const { checksum } = described
  const shown = checksum && leaf(`Checksum${checksum.algorithm.toUpperCase()}`, checksum.value)
  return xmlAnswer(
    xmlDocument('CompleteMultipartUploadResult', [
      leaf('Bucket', call.bucket),
      leaf('Key', call.key),
      leaf('ETag', quoted(described.etag)),
      ...(shown === undefined ? [] : [shown, leaf('ChecksumType', 'COMPOSITE')]),
    ]),
  )
}

export const abortUpload: Handler = async (call, { uploads }) => {
  const { id } = await uploads.find(needed(call, 'uploadId'), call)
  await uploads.end(id)
  return { status: 204 }
}

export const listParts: Handler = async (call, { uploads }) => {
  const upload = await uploads.find(needed(call, 'uploadId'), call)
  const max = countOf(call, 'max-parts', objectStoreListedKeysMax)
  const after = Number(call.query.get('part-number-marker') ?? 0)
  const later = (await uploads.parts(upload.id)).filter(({ number }) => number > after)
  const shown = later.slice(0, max)
  const parts = shown.map(({ number, modified, etag, bytes, checksum }) =>
    branch('Part', [
      leaf('PartNumber', number),
      leaf('LastModified', isoOf(modified)),
      leaf('ETag', quoted(etag)),
      leaf('Size', bytes),
      ...(checksum ? [leaf(`Checksum${checksum.algorithm.toUpperCase()}`, checksum.value)] : []),
    ]),
  )
  return xmlAnswer(
    xmlDocument('ListPartsResult', [
      leaf('Bucket', call.bucket),
      leaf('Key', call.key),
      leaf('UploadId', upload.id),
      leaf('PartNumberMarker', after),
      leaf('NextPartNumberMarker', shown.at(-1)?.number ?? after),
      leaf('MaxParts', max),
      leaf('IsTruncated', later.length > shown.length),
      leaf('StorageClass', 'STANDARD'),
      ...parts,
    ]),
  )
}

export const listUploads: Handler = async (call, { uploads, objects }) => {
  objects.buckets.pathOf(call.bucket)
  const encode = encodingOf(call)
  const max = countOf(call, 'max-uploads', objectStoreListedKeysMax)
  const prefix = call.query.get('prefix') ?? ''
  const keyMarker = call.query.get('key-marker') ?? ''
  const idMarker = call.query.get('upload-id-marker')
  const all = (await uploads.list(call.bucket)).filter(({ key }) => key.startsWith(prefix))
  const at = all.findIndex(({ id }) => id === idMarker)
  const later =
    at >= 0
      ? all.slice(at + 1)
      : all.filter(({ key }) => Buffer.compare(Buffer.from(key), Buffer.from(keyMarker)) > 0)
  const shown = later.slice(0, max)
  const last = shown.at(-1)
  return xmlAnswer(
    xmlDocument('ListMultipartUploadsResult', [
      leaf('Bucket', call.bucket),
      leaf('Prefix', encode(prefix)),
      leaf('KeyMarker', encode(keyMarker)),
      leaf('MaxUploads', max),
      leaf('IsTruncated', later.length > shown.length),
      ...(last && later.length > shown.length
        ? [leaf('NextKeyMarker', encode(last.key)), leaf('NextUploadIdMarker', last.id)]
        : []),
      ...shown.map(({ key, id, initiated }) =>
        branch('Upload', [
          leaf('Key', encode(key)),
          leaf('UploadId', id),
          leaf('StorageClass', 'STANDARD'),
          leaf('Initiated', isoOf(initiated)),
        ]),
      ),
    ]),
  )
}

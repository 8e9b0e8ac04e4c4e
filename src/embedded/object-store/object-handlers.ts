import { objectStoreDeleteKeysMax } from '../../../protocol/limits.ts'
import { parsePath } from './addressed.ts'
import {
  type Answer,
  type Call,
  type Handler,
  isoOf,
  quoted,
  type Store,
  xmlAnswer,
} from './call.ts'
import { type Claims, checksumHeader } from './checksums.ts'
import { checkRead, parseRange, type Span } from './conditions.ts'
import { S3Fault } from './faults.ts'
import { textOf } from './incoming.ts'
import type { Body, Headers, Kept } from './objects.ts'
import { bytesOf, type Described, type StoredFile } from './stored-file.ts'
import { branch, childrenOf, textOf as elementText, leaf, parseXml, xmlDocument } from './xml.ts'

const keptForm =
  /^(content-type|content-disposition|content-encoding|content-language|cache-control|expires|x-amz-meta-.+)$/

/** What is kept of a request's headers, to be answered with the object. */
export const keptHeaders = (headers: Headers): Kept => {
  const kept = Object.entries(headers).flatMap(([name, value = '']) => {
    if (!keptForm.test(name)) return []
    // How the body was framed on its way is no property of the object.
    const encodings = value.split(',').filter((one) => one.trim() !== 'aws-chunked')
    const text = name === 'content-encoding' ? encodings.join(',') : value
    return text === '' ? [] : [[name, text] as const]
  })
  return { 'content-type': 'binary/octet-stream', ...Object.fromEntries(kept) }
}

export const checksumHeaders = ({ checksum }: Described): Record<string, string> =>
  checksum
    ? {
        [checksumHeader(checksum.algorithm)]: checksum.value,
        'x-amz-checksum-type': checksum.value.includes('-') ? 'COMPOSITE' : 'FULL_OBJECT',
      }
    : {}

export const putObject: Handler = async (call, { objects, onCreated }) => {
  const headers = keptHeaders(call.headers)
  const described = await objects.put(call, call.body(), { headers, conditions: call.headers })
  onCreated({ ...call, described, how: 'Put' })
  return { status: 200, headers: { etag: quoted(described.etag), ...checksumHeaders(described) } }
}

const overridable = [
  'content-type',
  'content-language',
  'expires',
  'cache-control',
  'content-disposition',
  'content-encoding',
]

const overrides = ({ query }: Call): Record<string, string> =>
  Object.fromEntries(
    overridable.flatMap((name) => {
      const value = query.get(`response-${name}`)
      return value === undefined ? [] : [[name, value]]
    }),
  )

type Read = { readonly answer: Answer; readonly span: Span | undefined }

/** The answer without its body, and which of its bytes that is. */
const read = (call: Call, file: Described): Read => {
  const validators = {
    etag: quoted(file.etag),
    'last-modified': new Date(file.modified).toUTCString(),
    'accept-ranges': 'bytes',
  }
  if (checkRead(call.headers, file) === 'not modified')
    return { answer: { status: 304, headers: validators }, span: undefined }
  const span = parseRange(call.headers['range'], file.bytes)
  const all: Span = { from: 0, bytes: file.bytes }
  const sent = span ?? all
  const wantsChecksum = call.headers['x-amz-checksum-mode']?.toUpperCase() === 'ENABLED'
  const headers = {
    ...file.headers,
    ...overrides(call),
    ...validators,
    ...(wantsChecksum && !span && checksumHeaders(file)),
    ...(span && {
      'content-range': `bytes ${span.from}-${span.from + span.bytes - 1}/${file.bytes}`,
    }),
    'content-length': String(sent.bytes),
  }
  return { answer: { status: span ? 206 : 200, headers }, span: sent }
}

export const getObject: Handler = async (call, { objects }) => {
  const file = await objects.open(call)
  let isKept = false
  try {
    const { answer, span } = read(call, file)
    isKept = span !== undefined
    return span ? { ...answer, body: { file, span } } : answer
  } finally {
    if (!isKept) await file.handle.close()
  }
}

export const headObject: Handler = async (call, { objects }) =>
  read(call, await objects.look(call)).answer

export const deleteObject: Handler = async (call, { objects }) => {
  await objects.remove(call, call.headers)
  return { status: 204 }
}

const removed = async (bucket: string, key: string, { objects }: Store): Promise<string> => {
  try {
    await objects.remove({ bucket, key }, {})
    return branch('Deleted', [leaf('Key', key)])
  } catch (error) {
    if (error instanceof S3Fault && error.code === 'NoSuchBucket') throw error
    return branch('Error', [leaf('Key', key), leaf('Code', 'InternalError')])
  }
}

export const deleteObjects: Handler = async (call, store) => {
  const body = call.body()
  const { contentMd5, checksum, trailing } = body.claims
  if (contentMd5 === undefined && !checksum && !trailing)
    throw new S3Fault('InvalidRequest', 'The body needs a Content-MD5 or a checksum')
  const asked = parseXml(await textOf(body))
  const keys = childrenOf(asked, 'Object').map((object) => elementText(object, 'Key') ?? '')
  if (asked.name !== 'Delete' || keys.length < 1 || keys.length > objectStoreDeleteKeysMax)
    throw new S3Fault('MalformedXML')
  store.objects.buckets.pathOf(call.bucket)
  const results: string[] = []
  for (const key of keys) results.push(await removed(call.bucket, key, store))
  const isQuiet = elementText(asked, 'Quiet') === 'true'
  const shown = isQuiet ? results.filter((one) => one.startsWith('<Error>')) : results
  return xmlAnswer(xmlDocument('DeleteResult', shown))
}

/** Opens what `x-amz-copy-source` names, if its conditions hold. The caller closes it. */
export const openSource = async (call: Call, { objects }: Store): Promise<StoredFile> => {
  const [path = '', version] = (call.headers['x-amz-copy-source'] ?? '').split('?')
  if (version !== undefined) throw new S3Fault('NotImplemented', 'There are no versions')
  const source = parsePath(path.startsWith('/') ? path : `/${path}`)
  if (source.key === '') throw new S3Fault('InvalidArgument', 'x-amz-copy-source names no object')
  const file = await objects.open(source)
  try {
    checkRead(call.headers, file, 'x-amz-copy-source-')
    return file
  } catch (error) {
    await file.handle.close()
    throw error
  }
}

/** A part of a stored file as a body of its own. */
export const bodyOf = (
  { handle }: StoredFile,
  { from, bytes }: Span,
  claims: Claims = {},
): Body => ({
  bytes,
  claims,
  pieces: bytesOf(handle, from, bytes),
  trailers: new Map(),
})

export const copyObject: Handler = async (call, store) => {
  call.takeTime()
  const source = await openSource(call, store)
  try {
    const replaces = call.headers['x-amz-metadata-directive']?.toUpperCase() === 'REPLACE'
    const named = parsePath(`/${(call.headers['x-amz-copy-source'] ?? '').replace(/^\//, '')}`)
    if (!replaces && named.bucket === call.bucket && named.key === call.key)
      throw new S3Fault('InvalidRequest', 'An object is copied to itself only with other headers')
    const headers = replaces ? keptHeaders(call.headers) : source.headers
    const wanted = source.checksum?.algorithm
    const body = bodyOf(source, { from: 0, bytes: source.bytes }, wanted ? { wanted } : {})
    const described = await store.objects.put(call, body, { headers, conditions: call.headers })
    store.onCreated({ ...call, described, how: 'Copy' })
    const result = [
      leaf('ETag', quoted(described.etag)),
      leaf('LastModified', isoOf(described.modified)),
    ]
    return xmlAnswer(xmlDocument('CopyObjectResult', result))
  } finally {
    await source.handle.close()
  }
}

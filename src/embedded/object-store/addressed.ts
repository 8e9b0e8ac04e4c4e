import type { IncomingMessage } from 'node:http'
import { objectStoreKeyBytesMax } from '../../../protocol/limits-embedded.ts'
import { S3Fault } from './faults.ts'

/** What a request speaks of. Its path is taken as it came: `..` and `//` are parts of keys. */
export type Addressed = {
  readonly method: string
  /** Still encoded. */
  readonly rawPath: string
  readonly bucket: string
  readonly key: string
  readonly query: ReadonlyMap<string, string>
  /** Lower-case names; values as UTF-8. */
  readonly headers: Readonly<Record<string, string | undefined>>
}

const tryDecode = (text: string): string | undefined => {
  try {
    return decodeURIComponent(text)
  } catch {
    return undefined
  }
}

const decoded = (text: string): string => {
  const found = tryDecode(text)
  if (found === undefined) throw new S3Fault('InvalidURI')
  return found
}

/** Throws `InvalidURI`, `KeyTooLongError`. */
export const parsePath = (rawPath: string): { bucket: string; key: string } => {
  const [, bucket = '', key = ''] = /^\/([^/]*)\/?(.*)$/s.exec(decoded(rawPath)) ?? []
  if (Buffer.byteLength(key) > objectStoreKeyBytesMax) throw new S3Fault('KeyTooLongError')
  return { bucket, key }
}

const parseQuery = (raw: string): Map<string, string> => {
  const query = new Map<string, string>()
  for (const pair of raw === '' ? [] : raw.split('&')) {
    const [name = '', ...value] = pair.replaceAll('+', ' ').split('=')
    const known = decoded(name)
    if (query.has(known)) throw new S3Fault('InvalidArgument', `${known} stands in the query twice`)
    query.set(known, decoded(value.join('=')))
  }
  return query
}

const beyondAscii = /[^\x20-\x7e\t]/

/** Node reads header bytes as Latin-1; those who sign send UTF-8. */
const headerText = (value: string): string =>
  beyondAscii.test(value) ? Buffer.from(value, 'latin1').toString() : value

export const addressedBy = (request: IncomingMessage): Addressed => {
  const [rawPath = '', ...rest] = (request.url ?? '').split('?')
  if (!rawPath.startsWith('/')) throw new S3Fault('InvalidURI')
  const headers = Object.entries(request.headers).map(
    ([name, value]) => [name, headerText([value ?? ''].flat().join(','))] as const,
  )
  return {
    method: request.method ?? '',
    rawPath,
    ...parsePath(rawPath),
    query: parseQuery(rest.join('?')),
    headers: Object.fromEntries(headers),
  }
}

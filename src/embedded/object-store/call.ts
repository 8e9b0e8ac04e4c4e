import type { Span } from './conditions.ts'
import { S3Fault } from './faults.ts'
import type { Incoming } from './incoming.ts'
import type { Address, Headers, Objects } from './objects.ts'
import type { Described, StoredFile } from './stored-file.ts'
import type { Uploads } from './uploads.ts'

export type Created = Address & {
  readonly described: Described
  readonly how: 'Put' | 'Copy' | 'CompleteMultipartUpload'
}

/** What the handlers work on. */
export type Store = {
  readonly objects: Objects
  readonly uploads: Uploads
  readonly region: string
  /** Told of every object that there is from now on. */
  readonly onCreated: (created: Created) => void
}

/** One authenticated request. */
export type Call = Address & {
  readonly query: ReadonlyMap<string, string>
  /** Also what a pre-signed URL demands in its query. */
  readonly headers: Headers
  /** Throws where its length or its claims are not valid. */
  readonly body: () => Incoming
  /** Work that takes as long as its object is large: the connection may be silent meanwhile. */
  readonly takeTime: () => void
}

export type Answer = {
  readonly status: number
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: string | { readonly file: StoredFile; readonly span: Span }
}

export type Handler = (call: Call, store: Store) => Promise<Answer>

export const xmlAnswer = (body: string): Answer => ({
  status: 200,
  headers: { 'content-type': 'application/xml' },
  body,
})

export const needed = (call: Call, name: string): string => {
  const value = call.query.get(name)
  if (value === undefined) throw new S3Fault('InvalidArgument', `${name} is missing`)
  return value
}

/** A whole number of the query, at most `max`; `max` where it is left out. */
export const countOf = ({ query }: Call, name: string, max: number): number => {
  const text = query.get(name) ?? String(max)
  if (!/^\d{1,10}$/.test(text))
    throw new S3Fault('InvalidArgument', `${name} is not a whole number`)
  return Math.min(Number(text), max)
}

export const isoOf = (ms: number): string => new Date(ms).toISOString()
export const quoted = (etag: string): string => `"${etag}"`

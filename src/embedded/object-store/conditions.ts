import { S3Fault } from './faults.ts'
import type { Described } from './stored-file.ts'

type Headers = Readonly<Record<string, string | undefined>>
type State = Pick<Described, 'etag' | 'modified'>

const namesIn = (list: string): string[] =>
  list.split(',').map((name) =>
    name
      .trim()
      .replace(/^W\//, '')
      .replace(/^"(.*)"$/, '$1'),
  )

const matches = (list: string, etag: string): boolean =>
  list.trim() === '*' || namesIn(list).includes(etag)

/** Whole seconds, as HTTP's dates have. */
const second = (ms: number) => Math.floor(ms / 1_000) * 1_000

/** RFC 9110, section 13.2.2. `prefix` is what a copy puts before the names. */
export const checkRead = (
  headers: Headers,
  { etag, modified }: State,
  prefix = '',
): 'go on' | 'not modified' => {
  const of = (name: string) => headers[`${prefix}${name}`]
  const [ifMatch, ifNoneMatch] = [of('if-match'), of('if-none-match')]
  const before = Date.parse(of('if-unmodified-since') ?? '')
  if (ifMatch === undefined ? second(modified) > before : !matches(ifMatch, etag))
    throw new S3Fault('PreconditionFailed')
  const since = Date.parse(of('if-modified-since') ?? '')
  const isKnown = ifNoneMatch === undefined ? second(modified) <= since : matches(ifNoneMatch, etag)
  if (isKnown && prefix !== '') throw new S3Fault('PreconditionFailed')
  return isKnown ? 'not modified' : 'go on'
}

/** What stands at the key decides whether it may be replaced or removed. Throws `PreconditionFailed`, `NoSuchKey`. */
export const checkWrite = (headers: Headers, present: State | undefined): void => {
  const [ifMatch, ifNoneMatch] = [headers['if-match'], headers['if-none-match']]
  if (ifNoneMatch !== undefined && ifNoneMatch.trim() !== '*')
    throw new S3Fault('NotImplemented', 'If-None-Match on a write is * alone')
  if (ifNoneMatch !== undefined && present) throw new S3Fault('PreconditionFailed')
  if (ifMatch === undefined) return
  if (!present) throw new S3Fault('NoSuchKey')
  if (!matches(ifMatch, present.etag)) throw new S3Fault('PreconditionFailed')
}

export type Span = { readonly from: number; readonly bytes: number }

const spanOf = (first: string, last: string, bytes: number): Span | undefined => {
  if (first === '') {
    const count = Math.min(Number(last), bytes)
    return count === 0 ? undefined : { from: bytes - count, bytes: count }
  }
  const from = Number(first)
  const end = last === '' ? bytes - 1 : Math.min(Number(last), bytes - 1)
  return from >= bytes ? undefined : { from, bytes: end - from + 1 }
}

/** RFC 9110, section 14: one range of bytes. What is none, or several, is the whole object (`undefined`). Throws `InvalidRange`. */
export const parseRange = (text: string | undefined, bytes: number): Span | undefined => {
  const [, first = '', last = ''] = /^bytes=(\d{0,15})-(\d{0,15})$/.exec(text?.trim() ?? '') ?? []
  if (first === '' && last === '') return undefined
  if (first !== '' && last !== '' && Number(last) < Number(first)) return undefined
  const span = spanOf(first, last, bytes)
  if (!span) throw new S3Fault('InvalidRange')
  return span
}

import { hash } from 'node:crypto'
import { invalidValue } from './problems.ts'

const hashChars = 16

/** `"<revision>-<hash of the representation>"` (HTTP contract, decision 22). */
export const etagOf = (revision: number, representation: string): string => {
  const hashed = hash('sha256', representation, 'base64url')
  return `"${revision}-${hashed.slice(0, hashChars)}"`
}

/** If-None-Match (RFC 9110, 13.1.2): the whole tag, compared weakly. */
export const isNotModified = (ifNoneMatch: string | undefined, etag: string): boolean =>
  (ifNoneMatch ?? '')
    .split(',')
    .map((tag) => tag.trim().replace(/^W\//, ''))
    .some((tag) => tag === '*' || tag === etag)

const tagForm = /^(?:W\/)?"?(\d{1,15})(?:-[A-Za-z0-9_-]*)?"?$/

/** What If-Match asks for: any of these revisions, `undefined` for no condition. The hash is not compared (decision 22). */
export const parseIfMatch = (header: string | undefined): readonly number[] | undefined => {
  if (header === undefined || header.trim() === '*') return undefined
  const tags = header.split(',').map((tag) => tagForm.exec(tag.trim())?.[1])
  return tags.map((revision) => {
    if (revision === undefined) throw invalidValue('If-Match', 'must be an ETag that was sent')
    return Number(revision)
  })
}

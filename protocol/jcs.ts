/** What JSON can say. */
export type Json =
  | null
  | boolean
  | number
  | string
  | readonly Json[]
  | { readonly [key: string]: Json }

type Numbers = 'any' | 'integers'

const canonicalNumber = (value: number, numbers: Numbers, path: string): string => {
  if (!Number.isFinite(value)) throw new TypeError(`${path}: not a finite number`)
  if (numbers === 'integers' && (Object.is(value, -0) || !Number.isSafeInteger(value)))
    throw new TypeError(`${path}: not an integer within 2^53`)
  return JSON.stringify(value)
}

const canonicalString = (value: string, path: string): string => {
  if (!value.isWellFormed()) throw new TypeError(`${path}: lone surrogate`)
  return JSON.stringify(value)
}

// RFC 8785, 3.2.3: members sorted by UTF-16 code units, which is what a plain sort of strings does.
const canonicalObject = (value: object, numbers: Numbers, path: string): string => {
  const members = Object.entries(value)
    .filter(([, member]) => member !== undefined)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(
      ([key, member]) =>
        `${canonicalString(key, path)}:${canonical(member, numbers, `${path}.${key}`)}`,
    )
  return `{${members.join(',')}}`
}

const canonical = (value: unknown, numbers: Numbers, path: string): string => {
  if (value === null || typeof value === 'boolean') return String(value)
  if (typeof value === 'number') return canonicalNumber(value, numbers, path)
  if (typeof value === 'string') return canonicalString(value, path)
  if (Array.isArray(value))
    return `[${value.map((item, i) => canonical(item, numbers, `${path}[${i}]`)).join(',')}]`
  if (typeof value === 'object') return canonicalObject(value, numbers, path)
  throw new TypeError(`${path}: ${typeof value} is not JSON`)
}

/**
 * JSON Canonicalization Scheme (RFC 8785). Members whose value is `undefined` are left out, as
 * `JSON.stringify` does; a lone surrogate or a number that is not finite is a `TypeError` naming the place.
 */
export const jcs = (value: unknown): string => canonical(value, 'any', '$')

/**
 * The same for what is hashed and signed: fractions, `-0` and integers past 2^53 are a `TypeError` too, since
 * implementations differ on them.
 */
export const signableJcs = (value: unknown): string => canonical(value, 'integers', '$')

import { Encoder } from 'cbor-x'
import { cborDepthMax } from '../../protocol/limits.ts'
import { parseStrictJson } from '../../protocol/strict-json.ts'
import type { Encoding } from '../../protocol/topics.ts'

export type DecodedPayload =
  | { readonly kind: 'value'; readonly value: unknown }
  | { readonly kind: 'malformed'; readonly reason: string }

// No records, no shared structures: plain RFC 8949, as any other stack writes it.
const cbor = new Encoder({ useRecords: false, mapsAsObjects: true, variableMapSize: true })

const malformed = (reason: string): DecodedPayload => ({ kind: 'malformed', reason })

const isPlain = (value: object): boolean => {
  const prototype: unknown = Object.getPrototypeOf(value)
  return prototype === Object.prototype || prototype === null || Array.isArray(value)
}

const faultInScalar = (value: unknown): string | undefined => {
  if (typeof value === 'number')
    return Number.isFinite(value) ? undefined : 'a number is not finite'
  if (typeof value === 'string')
    return value.isWellFormed() ? undefined : 'a text is not well-formed'
  return value === null || typeof value === 'boolean' ? undefined : 'a value has no JSON form'
}

/** Only what JSON could say as well: no byte strings, tags, undefined, or integers past 2^53. */
const faultIn = (value: unknown, depth: number): string | undefined => {
  if (typeof value !== 'object' || value === null) return faultInScalar(value)
  if (depth > cborDepthMax) return `nested deeper than ${cborDepthMax}`
  if (!isPlain(value)) return 'a value has no JSON form'
  if (Object.hasOwn(value, '__proto__')) return 'a member is called __proto__'
  for (const member of Object.values(value)) {
    const fault = faultIn(member, depth + 1)
    if (fault !== undefined) return fault
  }
  return undefined
}

const decodeCbor = (bytes: Uint8Array): DecodedPayload => {
  try {
    const value: unknown = cbor.decode(bytes)
    const fault = faultIn(value, 1)
    return fault === undefined ? { kind: 'value', value } : malformed(fault)
  } catch (error) {
    return malformed(`not CBOR: ${(error as Error).message}`)
  }
}

/** An empty payload says nothing, which every uplink message may. */
export const decodePayload = (bytes: Uint8Array, encoding: Encoding): DecodedPayload => {
  if (bytes.length === 0) return { kind: 'value', value: {} }
  if (encoding === 'cbor') return decodeCbor(bytes)
  const parsed = parseStrictJson(bytes)
  return parsed.kind === 'parsed'
    ? { kind: 'value', value: parsed.value }
    : malformed(parsed.reason)
}

export const encodePayload = (value: object, encoding: Encoding): Buffer =>
  encoding === 'cbor' ? Buffer.from(cbor.encode(value)) : Buffer.from(JSON.stringify(value))

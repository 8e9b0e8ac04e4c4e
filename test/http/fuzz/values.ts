import fc from 'fast-check'
import { document } from '../../support/described.ts'

// Values for the JSON Schemas of the OpenAPI: right ones, and ones that are wrong in the ways that break programs.

type Schema = {
  readonly $ref?: string
  readonly type?: string | readonly string[]
  readonly format?: string
  readonly pattern?: string
  readonly enum?: readonly unknown[]
  readonly const?: unknown
  readonly minimum?: number
  readonly maximum?: number
  readonly minLength?: number
  readonly maxLength?: number
  readonly items?: Schema
  readonly maxItems?: number
  readonly anyOf?: readonly Schema[]
  readonly properties?: Readonly<Record<string, Schema>>
  readonly additionalProperties?: boolean | Schema
  readonly required?: readonly string[]
}
type Value = fc.Arbitrary<unknown>

const shared = (ref: string): Schema => {
  const { schemas } = document['components'] as { schemas: Record<string, Schema> }
  const found = schemas[ref.split('/').at(-1) ?? '']
  if (!found) throw new Error(`${ref} is not there`)
  return found
}

const letters = fc.constantFrom(...'abcdefghijklmnopqrstuvwxyz0123456789')

const stringOf = ({ format, pattern, minLength = 0, maxLength = 40 }: Schema): Value => {
  if (format === 'date-time')
    return fc
      .date({ min: new Date(0), max: new Date('2100-01-01'), noInvalidDate: true })
      .map((date) => date.toISOString())
  if (format === 'uuid') return fc.uuid({ version: 4 })
  if (pattern?.includes('[^\\s@')) return fc.constant('ada@example.com')
  const text = fc.string({ unit: letters, minLength: Math.max(1, minLength), maxLength })
  return text.map((value) => value.slice(0, maxLength))
}

const objectOf = ({ properties = {}, required = [] }: Schema): Value => {
  const members = Object.fromEntries(
    Object.entries(properties).map(([name, schema]) => [name, rightValue(schema)]),
  )
  return fc.record(members, { requiredKeys: required.filter((name) => name in members) })
}

const mapOf = ({ additionalProperties }: Schema): Value =>
  typeof additionalProperties === 'object'
    ? fc.dictionary(fc.string({ unit: letters, minLength: 1 }), rightValue(additionalProperties))
    : fc.constant({})

const numberOf = ({ type, minimum, maximum }: Schema): Value =>
  type === 'integer'
    ? fc.integer({
        min: Math.max(minimum ?? -1_000, -1_000_000),
        max: Math.min(maximum ?? 1_000, 1_000_000),
      })
    : fc.double({ noNaN: true, noDefaultInfinity: true })

const typed = (schema: Schema): Value => {
  const { type } = schema
  if (type === 'string') return stringOf(schema)
  if (type === 'integer' || type === 'number') return numberOf(schema)
  if (type === 'boolean') return fc.boolean()
  if (type === 'array')
    return fc.array(rightValue(schema.items ?? {}), { maxLength: schema.maxItems ?? 3 })
  if (type === 'object') return schema.properties ? objectOf(schema) : mapOf(schema)
  return fc.jsonValue({ maxDepth: 2 })
}

/** Values that the schema describes; some refinements only the validator knows. */
export const rightValue = (schema: Schema): Value => {
  if (schema.$ref !== undefined) return rightValue(shared(schema.$ref))
  if (schema.anyOf) return fc.oneof(...schema.anyOf.map(rightValue))
  if (schema.const !== undefined) return fc.constant(schema.const)
  if (schema.enum) return fc.constantFrom(...schema.enum)
  return typed(schema)
}

const deep = (levels: number): unknown =>
  levels === 0 ? 1 : levels % 2 === 0 ? [deep(levels - 1)] : { a: deep(levels - 1) }

/** What no schema here describes, or only just. */
export const wild: Value = fc.oneof(
  fc.constantFrom<unknown>(
    null,
    '',
    ' ',
    'a\u0000b',
    '\u202e\ufeff',
    'x'.repeat(10_000),
    "'; drop table live.devices; --",
    '../../etc/passwd',
    '{{7*7}}',
    -0,
    -1,
    2 ** 53,
    1e308,
    5e-324,
    [],
    {},
    true,
    { constructor: { prototype: { polluted: true } } },
    'NaN',
    deep(31),
    deep(40),
  ),
  fc.jsonValue({ maxDepth: 3 }),
  fc.string({ unit: 'binary', maxLength: 50 }),
)

/** A right object, of which some members are left out, wrong, or of another's. */
export const spoilt = (schema: Schema): Value =>
  fc
    .tuple(
      rightValue(schema),
      fc.array(fc.tuple(fc.nat(20), fc.option(wild, { nil: undefined })), { maxLength: 2 }),
    )
    .map(([value, spoils]) => {
      if (typeof value !== 'object' || value === null) return value
      const names = [...Object.keys(schema.properties ?? {}), 'unknown_member']
      const broken: Record<string, unknown> = { ...value }
      for (const [at, wrong] of spoils) broken[names[at % names.length] ?? 'x'] = wrong
      return broken
    })
export type { Schema }

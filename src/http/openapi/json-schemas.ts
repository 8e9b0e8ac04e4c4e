import { z } from 'zod'

export type Json = Readonly<Record<string, unknown>>

/** JSON Schemas (2020-12) of zod's, and what they share by name. */
export type JsonSchemas = {
  readonly of: (schema: z.ZodType, io: 'input' | 'output') => Json
  readonly named: () => Json
}

type Overridden = {
  readonly zodSchema: z.core.$ZodTypes
  readonly jsonSchema: z.core.JSONSchema.BaseSchema
}

/** Tells what a schema cannot: a custom check must say its own form, by `meta`. */
const complete = ({ zodSchema, jsonSchema }: Overridden): void => {
  const { type } = zodSchema._zod.def
  if ((type === 'custom' || type === 'transform') && jsonSchema.type === undefined)
    throw new Error(`a ${type} schema without a JSON Schema of its own`)
  // A reply may gain members: only what is strict by itself is closed.
  if (type === 'object' && zodSchema._zod.def.catchall === undefined)
    delete jsonSchema.additionalProperties
}

const withShared = (node: unknown): unknown => {
  if (Array.isArray(node)) return node.map(withShared)
  if (typeof node !== 'object' || node === null) return node
  return Object.fromEntries(
    Object.entries(node).map(([name, value]) => [
      name,
      name === '$ref' && typeof value === 'string'
        ? value.replace(/^#\/\$defs\//, '#/components/schemas/')
        : withShared(value),
    ]),
  )
}

export const createJsonSchemas = (): JsonSchemas => {
  const named = new Map<string, unknown>()
  const of: JsonSchemas['of'] = (schema, io) => {
    const options = { io, unrepresentable: 'any', override: complete } as const
    const { $schema: _, $defs = {}, id, ...root } = z.toJSONSchema(schema, options) as Json
    for (const [name, shared] of Object.entries(Object($defs))) {
      const { id: __, ...rest } = Object(shared)
      named.set(name, withShared(rest))
    }
    if (typeof id !== 'string') return withShared(root) as Json
    named.set(id, withShared(root))
    return { $ref: `#/components/schemas/${id}` }
  }
  return { of, named: () => Object.fromEntries([...named].sort(([a], [b]) => (a < b ? -1 : 1))) }
}

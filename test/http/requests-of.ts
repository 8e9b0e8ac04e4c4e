import { routes } from '../../src/http/app.ts'
import type { Route } from '../../src/http/call.ts'
import { templateOf } from '../../src/http/openapi/document.ts'
import { document, type OperationObject } from '../support/described.ts'

/** What a project holds: ids by their prefix, of things that requests may name. */
export type Ids = Readonly<Record<'dev_' | 'eu_' | 'key_' | 'rec_', string>>
export type Prepared = { readonly route: string; readonly body: unknown }

/** A line of the table of routes beside what the OpenAPI says of it. */
export type Described = {
  readonly route: Route
  readonly name: string
  readonly operation: OperationObject
  /** The prefixes of the ids in its path, in their order. */
  readonly pathIds: readonly (keyof Ids)[]
  readonly bodyExample: unknown
}

const prefixes = ['dev_', 'eu_', 'key_', 'rec_'] as const

const prefixIn = (schema: unknown): keyof Ids | undefined =>
  prefixes.find((prefix) => JSON.stringify(schema).includes(`^${prefix}`))

const describe = (route: Route): Described => {
  const path = templateOf(route)
  const operation = document.paths[path]?.[route.method.toLowerCase()]
  if (!operation) throw new Error(`${path} is not described`)
  const pathIds = operation.parameters
    // A token is no id.
    .filter((one) => one.in === 'path' && one.name !== 'token')
    .map(({ name, schema }) => {
      const prefix = prefixIn(schema)
      if (!prefix) throw new Error(`{${name}} of ${path} names a kind of id that is not known here`)
      return prefix
    })
  const bodyExample = operation.requestBody?.content['application/json']?.example
  return { route, name: `${route.method} ${path}`, operation, pathIds, bodyExample }
}

export const described: readonly Described[] = routes.map(describe)

const idIn = /^(dev_|eu_|key_|rec_)[0-9A-Za-z]+$/
let unique = 0

/** The example with ids of that project for those that it shows, and values of its own where they must be. */
const filled = (value: unknown, ids: Ids): unknown => {
  if (Array.isArray(value)) return value.map((one) => filled(one, ids))
  if (typeof value === 'string') {
    const prefix = idIn.exec(value)?.[1] as keyof Ids | undefined
    return prefix ? ids[prefix] : value
  }
  if (typeof value !== 'object' || value === null) return value
  unique += 1
  return Object.fromEntries(
    Object.entries(value).map(([name, member]) =>
      name === 'serial_number' || name === 'external_id'
        ? [name, `made-${unique}`]
        : [name, filled(member, ids)],
    ),
  )
}

/** A request as its example has it, which names `path` in its path and `body` in its body. */
export const prepare = (
  { route, bodyExample }: Described,
  { path, body = path }: { readonly path: Ids; readonly body?: Ids },
): Prepared => {
  const { pathIds } = describe(route)
  const at = pathIds.reduce<string>(
    (text, prefix) => text.replace(/:\w+/, path[prefix]),
    route.path,
  )
  return { route: `${route.method} ${at}`, body: filled(bodyExample, body) }
}

export const namesAnId = (value: unknown): boolean =>
  /"(dev_|eu_|key_|rec_)/.test(JSON.stringify(value) ?? '')

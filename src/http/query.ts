import type { z } from 'zod'
import type { CommonFilter } from '../../projections/page.ts'
import { type Instant, instantOf } from '../../protocol/instant.ts'
import { faultFieldCharsMax, faultsMax } from '../../protocol/limits.ts'
import type { ListQuery } from '../../protocol/requests.ts'
import type { Call } from './call.ts'
import { checked } from './commands.ts'
import { invalid, invalidValue } from './problems.ts'

const memberForm = /^[^[]+\[(.*)\]$/s

/** The member of `outer` that is meant; `undefined`: `outer` itself. Throws 422. */
const innerOf = (name: string, outer: string): string | undefined => {
  if (name === outer) return undefined
  const inner = memberForm.exec(name)?.[1]
  if (inner === undefined) throw invalidValue(outer, `must be written as ${outer}[member]`)
  // A record of zod leaves it out, and a filter that is left out finds everything.
  if (inner === '__proto__')
    throw invalidValue(`${outer}.${inner}`, 'cannot be the name of a member')
  return inner
}

type Members = Map<string, string | Map<string, string>>

const put = (
  members: Members,
  [outer, inner]: readonly [string, string | undefined],
  value: string,
) => {
  const before = members.get(outer)
  if (inner === undefined && before === undefined) return members.set(outer, value)
  if (inner === undefined || typeof before === 'string') throw invalidValue(outer, 'is given twice')
  if (before?.has(inner)) {
    const field = `${outer}.${inner}`.slice(0, faultFieldCharsMax)
    throw invalidValue(field, 'is given twice')
  }
  return members.set(outer, new Map(before).set(inner, value))
}

const outerOf = (name: string): string => name.split('[', 1)[0] ?? ''

/** A parameter that the route does not take would be a filter that finds everything. Throws 422 with every such name. */
export const checkNames = ({ query }: Call, schema: z.ZodObject | undefined): void => {
  if (query.size === 0) return
  const unknown = new Set([...query.keys()].map(outerOf).filter((name) => !isIn(schema, name)))
  if (unknown.size === 0) return
  const fields = [...unknown].slice(0, faultsMax).map((name) => name.slice(0, faultFieldCharsMax))
  throw invalid(fields.map((field) => ({ field, reason: 'is not known' })))
}

const isIn = (schema: z.ZodObject | undefined, name: string): boolean =>
  schema !== undefined && Object.hasOwn(schema.shape, name)

/** The query, whose names were checked, as members; `metadata[site]=Zurich` is one of the member `metadata`. */
const membersOf = (query: URLSearchParams): object => {
  const members: Members = new Map()
  for (const [name, value] of query) {
    const outer = outerOf(name)
    put(members, [outer, innerOf(name, outer)], value)
  }
  return Object.fromEntries(
    [...members].map(([name, value]) => [
      name,
      typeof value === 'string' ? value : Object.fromEntries(value),
    ]),
  )
}

/** The query as its schema takes it. Throws 422. */
export const queryOf = <Schema extends z.ZodObject>(call: Call, schema: Schema): z.output<Schema> =>
  checked(schema, membersOf(call.query))

/** A time of a query in its stored form. */
const timeOf = (text: string): Instant => instantOf(Date.parse(text))

/** What every list may be narrowed to. */
export const commonFilterOf = ({
  created_from,
  created_to,
  metadata,
}: ListQuery): CommonFilter => ({
  ...(created_from !== undefined && { createdFrom: timeOf(created_from) }),
  ...(created_to !== undefined && { createdTo: timeOf(created_to) }),
  ...(metadata && { metadata }),
})

export const timeIn = (text: string | undefined): Instant | undefined =>
  text === undefined ? undefined : timeOf(text)

import type { z } from 'zod'
import type { CommonFilter } from '../../projections/page.ts'
import { type Instant, instantOf } from '../../protocol/instant.ts'
import type { ListQuery } from '../../protocol/requests.ts'
import type { Call } from './call.ts'
import { checked } from './commands.ts'

const memberForm = /^([a-z_]+)\[([^\]]*)\]$/

/** The query as members; `metadata[site]=Zurich` is one of the member `metadata`. Of one that stands there twice the last counts. */
const membersOf = (query: URLSearchParams): object => {
  const plain: [string, unknown][] = []
  const nested = new Map<string, [string, string][]>()
  for (const [name, value] of query) {
    const [, outer, inner = ''] = memberForm.exec(name) ?? []
    if (outer === undefined) plain.push([name, value])
    else nested.set(outer, [...(nested.get(outer) ?? []), [inner, value]])
  }
  const trees = [...nested].map(([name, members]) => [name, Object.fromEntries(members)] as const)
  return Object.fromEntries([...plain, ...trees])
}

/** The query as its schema takes it. Throws 422. */
export const queryOf = <Schema extends z.ZodType>(call: Call, schema: Schema): z.output<Schema> =>
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

import { sql } from 'kysely'

/** Where a list goes on: behind a row, or a number of rows further. */
export type Page = {
  readonly limit: number
  readonly offset?: number
  readonly after?: { readonly createdAt: string; readonly id: string }
  /** `desc` where nothing is said. */
  readonly order?: Order
}
export type Order = 'asc' | 'desc'

/** Of what is listed: when it was created (half-open), and what is kept beside it. */
export type CommonFilter = {
  readonly createdFrom?: string
  readonly createdTo?: string
  /** A value is text: it finds that very string, and the number or the boolean that it writes. */
  readonly metadata?: Readonly<Record<string, string>>
}

type Pageable<Query> = {
  where: (expression: ReturnType<typeof sql<boolean>>) => Query
  orderBy: (expression: ReturnType<typeof sql>) => Query
  limit: (rows: number) => Query
  offset: (rows: number) => Query
}

/** Newest first or oldest first, stable under inserts: `created_at`, then `id`. */
export const paged = <Query extends Pageable<Query>>(
  query: Query,
  { limit, offset, after, order = 'desc' }: Page,
): Query => {
  const beyond = sql.raw(order === 'asc' ? '>' : '<')
  const from = after
    ? query.where(sql<boolean>`(created_at, id) ${beyond} (${after.createdAt}, ${after.id})`)
    : query
  const ordered = from
    .orderBy(sql`created_at ${sql.raw(order)}`)
    .orderBy(sql`id ${sql.raw(order)}`)
    .limit(limit)
  return offset === undefined ? ordered : ordered.offset(offset)
}

type Filterable<Query> = Pick<Pageable<Query>, 'where'>

const written = (value: string): unknown => {
  if (value === 'true' || value === 'false') return value === 'true'
  return /^-?\d{1,15}(\.\d{1,15})?$/.test(value) ? Number(value) : undefined
}

/** What metadata that holds the value has in it, as JSON: the very string, or the number or the boolean that it writes. */
export const metadataOf = (key: string, value: string): readonly string[] => {
  const other = written(value)
  return [value, ...(other === undefined ? [] : [other])].map((held) =>
    JSON.stringify({ [key]: held }),
  )
}

const holding = (key: string, value: string) =>
  sql<boolean>`(${sql.join(
    metadataOf(key, value).map((json) => sql`metadata @> ${json}::jsonb`),
    sql` or `,
  )})`

/** The rows that were created within the range and hold that metadata. */
export const filtered = <Query extends Filterable<Query>>(
  query: Query,
  { createdFrom, createdTo, metadata = {} }: CommonFilter,
): Query => {
  const conditions = [
    ...(createdFrom === undefined ? [] : [sql<boolean>`created_at >= ${createdFrom}`]),
    ...(createdTo === undefined ? [] : [sql<boolean>`created_at < ${createdTo}`]),
    ...Object.entries(metadata).map(([key, value]) => holding(key, value)),
  ]
  return conditions.reduce((narrowed, condition) => narrowed.where(condition), query)
}

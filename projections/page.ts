import { sql } from 'kysely'

/** Where a list goes on: behind a row, or a number of rows further. */
export type Page = {
  readonly limit: number
  readonly offset?: number
  readonly after?: { readonly createdAt: string; readonly id: string }
}

type Pageable<Query> = {
  where: (expression: ReturnType<typeof sql<boolean>>) => Query
  orderBy: (expression: ReturnType<typeof sql>) => Query
  limit: (rows: number) => Query
  offset: (rows: number) => Query
}

/** Newest first, stable under inserts: `created_at`, then `id`, both descending. */
export const paged = <Query extends Pageable<Query>>(
  query: Query,
  { limit, offset, after }: Page,
): Query => {
  const from = after
    ? query.where(sql<boolean>`(created_at, id) < (${after.createdAt}, ${after.id})`)
    : query
  const ordered = from.orderBy(sql`created_at desc`).orderBy(sql`id desc`).limit(limit)
  return offset === undefined ? ordered : ordered.offset(offset)
}

import { z } from 'zod'
import type { Order, Page } from '../../projections/page.ts'
import type { PageQuery } from '../../protocol/requests.ts'
import { openCursor, sealCursor } from './cursors.ts'
import type { HttpDeps } from './ports.ts'

type Deps = Pick<HttpDeps, 'secrets'>
type Row = { readonly id: string; readonly created_at: string }

const placeSchema = z.object({ createdAt: z.string(), id: z.string() })

/** Names a list for its cursors: what it holds, whose it is, and how it was filtered. */
export const listName = (...parts: readonly (string | undefined)[]): string =>
  JSON.stringify(parts.map((part) => part ?? null))

/** The page that a list's query asks for: one row more than is shown, to see whether there is more. Throws 422. */
export const pageOf = (
  { secrets }: Deps,
  { limit, offset, cursor, order }: PageQuery & { readonly order?: Order },
  list: string,
): { readonly limit: number; readonly page: Page } => {
  const from =
    cursor === undefined
      ? { ...(offset !== undefined && { offset }) }
      : { after: openCursor(secrets.cursor, list, { text: cursor, schema: placeSchema }) }
  return { limit, page: { limit: limit + 1, ...from, ...(order && { order }) } }
}

/** A page as it is answered (HTTP contract, decision 19), of rows that hold one more than its limit where there are more. */
export const pageReply = <Given extends Row>(
  { secrets }: Deps,
  {
    rows,
    limit,
    list,
  }: { readonly rows: readonly Given[]; readonly limit: number; readonly list: string },
  show: (row: Given) => object,
): object => {
  const shown = rows.slice(0, limit)
  const last = rows.length > limit ? shown.at(-1) : undefined
  const next = last && { createdAt: last.created_at, id: last.id }
  return {
    data: shown.map(show),
    has_more: next !== undefined,
    next_cursor: next ? sealCursor(secrets.cursor, list, next) : null,
  }
}

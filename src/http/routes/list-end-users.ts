import { listEndUsers as listRows } from '../../../projections/end-users.ts'
import { endUserListReply } from '../../../protocol/replies.ts'
import { listEndUsersQuery } from '../../../protocol/requests.ts'
import type { Handler, ProjectCall } from '../call.ts'
import { endUserOfRow } from '../end-user-views.ts'
import * as examples from '../openapi/examples.ts'
import type { Operation } from '../operation.ts'
import { listName, pageOf, pageReply } from '../pages.ts'
import type { HttpDeps } from '../ports.ts'
import { commonFilterOf, queryOf } from '../query.ts'
import { readAt } from '../reads.ts'

export const listEndUsersOperation: Operation = {
  id: 'listEndUsers',
  tag: 'End users',
  summary: 'List end users',
  description: 'Newest first; `external_id` finds none or one.',
  query: listEndUsersQuery,
  headers: ['Min-Position'],
  replies: {
    200: {
      says: 'A page of end users.',
      body: endUserListReply,
      example: examples.page(examples.endUser),
      headers: ['Position'],
    },
  },
}

/** GET /v1/end-users: newest first where nothing is said; `external_id` finds none or one. */
export const listEndUsers =
  (deps: HttpDeps): Handler<ProjectCall> =>
  async (call) => {
    const query = queryOf(call, listEndUsersQuery)
    const { external_id: externalId, email } = query
    const filter = {
      ...commonFilterOf(query),
      ...(externalId !== undefined && { externalId }),
      ...(email !== undefined && { email }),
    }
    const list = listName('end-users', call.project, query.order, JSON.stringify(filter))
    const { limit, page } = pageOf(deps, query, list)
    const read = () => listRows(deps.reads(call.project), call.project, { ...page, filter })
    const { rows, position } = await readAt(deps, call, ['end_users'], read)
    const body = pageReply(deps, { rows, limit, list }, endUserOfRow)
    return { status: 200, body, position }
  }

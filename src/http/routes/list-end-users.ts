import { listEndUsers as listRows } from '../../../projections/end-users.ts'
import { endUserListReply } from '../../../protocol/replies.ts'
import { createEndUserBody, listEndUsersQuery } from '../../../protocol/requests.ts'
import type { Handler, ProjectCall } from '../call.ts'
import { checked } from '../commands.ts'
import { endUserOfRow } from '../end-user-views.ts'
import * as examples from '../openapi/examples.ts'
import type { Operation } from '../operation.ts'
import { listName, pageOf, pageReply } from '../pages.ts'
import type { HttpDeps } from '../ports.ts'
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

const filterQuery = createEndUserBody.pick({ external_id: true })

/** GET /v1/end-users: newest first; `external_id` finds none or one. */
export const listEndUsers =
  (deps: HttpDeps): Handler<ProjectCall> =>
  async (call) => {
    const asked = Object.fromEntries(call.query)
    const { external_id: externalId } = checked(filterQuery, asked)
    const list = listName('end-users', call.project, externalId)
    const { limit, page } = pageOf(deps, call, list)
    const filter = externalId === undefined ? {} : { externalId }
    const read = () => listRows(deps.reads(call.project), call.project, { ...page, ...filter })
    const { rows, position } = await readAt(deps, call, ['end_users'], read)
    const body = pageReply(deps, { rows, limit, list }, endUserOfRow)
    return { status: 200, body, position }
  }

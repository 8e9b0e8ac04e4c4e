import { readEndUser as readRow } from '../../../projections/end-users.ts'
import { endUserReply } from '../../../protocol/replies.ts'
import { endUserIn } from '../addressed.ts'
import type { Handler, ProjectCall } from '../call.ts'
import { endUserOfRow } from '../end-user-views.ts'
import * as examples from '../openapi/examples.ts'
import { endUserPath } from '../openapi/params.ts'
import type { Operation } from '../operation.ts'
import type { HttpDeps } from '../ports.ts'
import { notFound } from '../problems.ts'
import { readAt } from '../reads.ts'

export const readEndUserOperation: Operation = {
  id: 'readEndUser',
  tag: 'End users',
  summary: 'Read an end user',
  params: endUserPath,
  headers: ['If-None-Match', 'Min-Position'],
  replies: {
    200: {
      says: 'The end user.',
      body: endUserReply,
      example: examples.endUser,
      headers: ['ETag', 'Position'],
    },
  },
}

/** GET /v1/end-users/{id} */
export const readEndUser =
  (deps: HttpDeps): Handler<ProjectCall> =>
  async (call) => {
    const id = endUserIn(call)
    const read = () => readRow(deps.reads(call.project), call.project, id)
    const { rows: row, position } = await readAt(deps, call, ['end_users'], read)
    if (!row) throw notFound()
    const body = endUserOfRow(row)
    const resource = { revision: Number(row.revision), representation: body }
    return { status: 200, body, position, resource }
  }

import { endUserReply } from '../../../protocol/replies.ts'
import { updateEndUserBody } from '../../../protocol/requests.ts'
import { endUserIn } from '../addressed.ts'
import type { Handler, ProjectCall } from '../call.ts'
import { readCommand } from '../commands.ts'
import { endUserOfFold } from '../end-user-views.ts'
import * as examples from '../openapi/examples.ts'
import { endUserPath } from '../openapi/params.ts'
import type { Operation } from '../operation.ts'
import type { HttpDeps } from '../ports.ts'
import { notFound } from '../problems.ts'
import { refusal } from '../refusals.ts'
import { settle } from '../settle.ts'
import { updateEndUser as decide } from '../use-cases/update-end-user.ts'

export const updateEndUserOperation: Operation = {
  id: 'updateEndUser',
  tag: 'End users',
  summary: 'Change an end user',
  description: 'What is sent replaces what was; `null` takes it away.',
  params: endUserPath,
  body: {
    schema: updateEndUserBody,
    example: { name: 'Ada Lovelace', email: null },
    required: false,
  },
  headers: ['If-Match'],
  replies: {
    200: {
      says: 'The end user as they are then.',
      body: endUserReply,
      example: examples.endUser,
      headers: ['ETag', 'Position'],
    },
  },
  refusals: ['resource_already_exists'],
}

/** PATCH /v1/end-users/{id}: only what is sent changes, `null` takes it away; it needs no `Idempotency-Key`, being idempotent by itself. */
export const updateEndUser = (deps: HttpDeps): Handler<ProjectCall> => {
  const update = decide(deps)
  return async (call) => {
    const id = endUserIn(call)
    const outcome = await update(id, await readCommand(deps.secrets, call, updateEndUserBody))
    // It is the person in the path that is not there.
    if (outcome.kind === 'refused' && outcome.because === 'unknown-end-user') throw notFound()
    if (outcome.kind === 'refused') throw refusal(outcome.because)
    await settle(deps, outcome.position)
    const body = await endUserOfFold(deps, call.project, outcome.state)
    const resource = { revision: outcome.revision, representation: body }
    return { status: 200, body, position: outcome.position, resource }
  }
}

import { endUserReply } from '../../../protocol/replies.ts'
import { createEndUserBody } from '../../../protocol/requests.ts'
import type { Handler, ProjectCall } from '../call.ts'
import { readCommand } from '../commands.ts'
import { endUserOfFold } from '../end-user-views.ts'
import * as examples from '../openapi/examples.ts'
import type { Operation } from '../operation.ts'
import type { HttpDeps } from '../ports.ts'
import { refusal } from '../refusals.ts'
import { settle } from '../settle.ts'
import { createEndUser as decide } from '../use-cases/create-end-user.ts'

export const createEndUserOperation: Operation = {
  id: 'createEndUser',
  tag: 'End users',
  summary: 'Create an end user',
  body: {
    schema: createEndUserBody,
    example: { external_id: 'customer-17', email: 'ada@example.com', name: 'Ada Lovelace' },
    required: false,
  },
  headers: ['Idempotency-Key'],
  replies: {
    201: {
      says: 'The new end user.',
      body: endUserReply,
      example: examples.endUser,
      headers: ['ETag', 'Position', 'Idempotent-Replayed'],
    },
  },
  refusals: ['resource_already_exists'],
}

/** POST /v1/end-users: 201, or 409 for an `external_id` that somebody has. */
export const createEndUser = (deps: HttpDeps): Handler<ProjectCall> => {
  const create = decide(deps)
  return async (call) => {
    const command = await readCommand(deps.secrets, call, createEndUserBody)
    const outcome = await create(command)
    if (outcome.kind === 'external-id-taken') throw refusal(outcome.kind)
    if (outcome.kind === 'idempotency-mismatch') throw refusal(outcome.kind)
    await settle(deps, outcome.position)
    const body = await endUserOfFold(deps, call.project, outcome.state)
    return {
      status: 201,
      body,
      position: outcome.position,
      resource: { revision: outcome.revision, representation: body },
      replayed: outcome.kind === 'replayed',
    }
  }
}

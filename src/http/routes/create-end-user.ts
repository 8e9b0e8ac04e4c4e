import { createEndUserBody } from '../../../protocol/requests.ts'
import type { Handler, ProjectCall } from '../call.ts'
import { readCommand } from '../commands.ts'
import { endUserOfFold } from '../end-user-views.ts'
import type { HttpDeps } from '../ports.ts'
import { refusal } from '../refusals.ts'
import { settle } from '../settle.ts'
import { createEndUser as decide } from '../use-cases/create-end-user.ts'

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

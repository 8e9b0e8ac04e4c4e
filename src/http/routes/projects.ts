import { listProjects as listRows } from '../../../projections/projects.ts'
import type { ProjectRow } from '../../../projections/tables.ts'
import { projectListReply, projectReply } from '../../../protocol/replies.ts'
import { createProjectBody } from '../../../protocol/requests.ts'
import { worldlessKey } from '../../store/keyed.ts'
import type { AdminCall, Handler } from '../call.ts'
import { readKeyed } from '../commands.ts'
import * as examples from '../openapi/examples.ts'
import type { Operation } from '../operation.ts'
import type { HttpDeps } from '../ports.ts'
import { readAt } from '../reads.ts'
import { refusal } from '../refusals.ts'
import { settle } from '../settle.ts'
import { createProject as decide, worldsUnder } from '../use-cases/create-project.ts'

export const createProjectOperation: Operation = {
  id: 'createProject',
  tag: 'Administration',
  summary: 'Create a project with both of its worlds',
  body: { schema: createProjectBody, example: { name: 'Acme' }, required: true },
  headers: ['Idempotency-Key'],
  replies: {
    201: {
      says: 'The new project.',
      body: projectReply,
      example: examples.project,
      headers: ['Position', 'Idempotent-Replayed'],
    },
  },
}

export const listProjectsOperation: Operation = {
  id: 'listProjects',
  tag: 'Administration',
  summary: 'List projects',
  headers: ['Min-Position'],
  replies: {
    200: {
      says: 'Every project, oldest first.',
      body: projectListReply,
      example: examples.page(examples.project),
      headers: ['Position'],
    },
  },
}

/** POST /internal/projects: both worlds of a new project. */
export const createProject = (deps: HttpDeps): Handler<AdminCall> => {
  const create = decide(deps)
  const key = worldlessKey(deps.secrets)
  return async (call) => {
    const { idempotencyKey, body, remembered } = await readKeyed(call, key, createProjectBody)
    const { name } = body
    const made = await create({
      name,
      worlds: idempotencyKey === undefined ? undefined : worldsUnder(key, idempotencyKey),
      by: { actor: call.actor, requestId: call.requestId, ...remembered },
    })
    if (made.kind === 'idempotency-mismatch') throw refusal(made.kind)
    const { worlds, createdAt, position } = made
    await settle(deps, position)
    return {
      status: 201,
      body: { id_live: worlds.live, id_test: worlds.test, name, created_at: createdAt },
      position,
      replayed: made.kind === 'replayed',
    }
  }
}

const shown = (live: ProjectRow) => ({
  id_live: live.id,
  id_test: live.twin,
  name: live.name,
  created_at: live.created_at,
})

/** GET /internal/projects: oldest first; few enough to need no pages. */
export const listProjects =
  (deps: HttpDeps): Handler<AdminCall> =>
  async (call) => {
    const { rows, position } = await readAt(deps, call, ['projects'], () => listRows(deps.shared))
    const data = rows.filter(({ mode }) => mode === 'live').map(shown)
    return { status: 200, body: { data, has_more: false, next_cursor: null }, position }
  }

import { listProjects as listRows } from '../../../projections/projects.ts'
import type { ProjectRow } from '../../../projections/tables.ts'
import { projectListReply, projectReply } from '../../../protocol/replies.ts'
import { createProjectBody } from '../../../protocol/requests.ts'
import type { AdminCall, Handler } from '../call.ts'
import { checked } from '../commands.ts'
import * as examples from '../openapi/examples.ts'
import type { Operation } from '../operation.ts'
import type { HttpDeps } from '../ports.ts'
import { readAt } from '../reads.ts'
import { settle } from '../settle.ts'
import { createProject as decide } from '../use-cases/create-project.ts'

export const createProjectOperation: Operation = {
  id: 'createProject',
  tag: 'Administration',
  summary: 'Create a project with both of its worlds',
  body: { schema: createProjectBody, example: { name: 'Acme' }, required: true },
  replies: {
    201: {
      says: 'The new project.',
      body: projectReply,
      example: examples.project,
      headers: ['Position'],
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
  return async (call) => {
    const { name } = checked(createProjectBody, (await call.readJson()) ?? {})
    const by = { actor: call.actor, requestId: call.requestId }
    const { worlds, createdAt, position } = await create({ name, by })
    await settle(deps, position)
    const body = { id_live: worlds.live, id_test: worlds.test, name, created_at: createdAt }
    return { status: 201, body, position }
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

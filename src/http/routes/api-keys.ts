import { listApiKeys as listRows } from '../../../projections/api-keys.ts'
import type { ApiKeyId } from '../../../protocol/ids.ts'
import { pageRowsMax } from '../../../protocol/limits.ts'
import { apiKeyListReply } from '../../../protocol/replies.ts'
import { createKeyBody, rotateKeyBody } from '../../../protocol/requests.ts'
import { apiKey } from '../../domain/api-key.ts'
import { apiKeyStream } from '../../store/streams.ts'
import { apiKeyIn } from '../addressed.ts'
import { keyOfRow, type World } from '../api-key-views.ts'
import * as keyWrites from '../api-key-writes.ts'
import { projectNamed } from '../authenticate.ts'
import type { AdminCall, Handler, ProjectCall } from '../call.ts'
import { checked, readCommand } from '../commands.ts'
import { lastUses } from '../key-use.ts'
import * as examples from '../openapi/examples.ts'
import { apiKeyPath } from '../openapi/params.ts'
import type { Operation } from '../operation.ts'
import type { HttpDeps } from '../ports.ts'
import { notFound } from '../problems.ts'
import { readAt } from '../reads.ts'
import { worldsOf } from '../worlds.ts'

export const createKeyOperation: Operation = {
  id: 'createApiKey',
  tag: 'Administration',
  summary: 'Create an API key',
  description: 'The whole key is shown this once.',
  body: {
    schema: createKeyBody,
    example: { mode: 'test', name: 'Reporting', scopes: ['devices:read'] },
    required: false,
  },
  headers: ['Idempotency-Key', 'Lapel-Project'],
  replies: keyWrites.created,
}

export const listKeysOperation: Operation = {
  id: 'listApiKeys',
  tag: 'Administration',
  summary: 'List the API keys of both worlds of a project',
  headers: ['Lapel-Project', 'Min-Position'],
  replies: {
    200: {
      says: 'The keys, newest first.',
      body: apiKeyListReply,
      example: examples.page(examples.apiKey),
      headers: ['Position'],
    },
  },
}

export const rotateKeyOperation: Operation = {
  id: 'rotateApiKey',
  tag: 'Administration',
  summary: 'Give an API key a new secret',
  params: apiKeyPath,
  body: keyWrites.overlap,
  headers: ['Idempotency-Key', 'If-Match', 'Lapel-Project'],
  replies: keyWrites.rotated,
  refusals: ['invalid_state'],
}

export const revokeKeyOperation: Operation = {
  id: 'revokeApiKey',
  tag: 'Administration',
  summary: 'Revoke an API key',
  params: apiKeyPath,
  headers: ['If-Match', 'Lapel-Project'],
  replies: keyWrites.revoked,
}

/** The administrator's call as one in that world, which is what the use-cases take. */
const inWorld = (call: AdminCall, { project }: World): ProjectCall => ({
  ...call,
  caller: { kind: 'admin', project },
  project,
})

const namedWorlds = (deps: HttpDeps, { project }: AdminCall) =>
  worldsOf(deps, projectNamed({ kind: 'admin', project }))

const worldOfKey = async (deps: HttpDeps, call: AdminCall, id: ApiKeyId): Promise<World> => {
  for (const world of await namedWorlds(deps, call)) {
    const { state } = await deps.ledger.read(apiKeyStream(world.project, id), apiKey)
    if (state.status !== 'unknown') return world
  }
  throw notFound()
}

/** POST /internal/api-keys: in the world that `mode` names, or else in the one that `Lapel-Project` does. */
export const createKey = (deps: HttpDeps): Handler<AdminCall> => {
  const create = keyWrites.createKey(deps)
  return async (call) => {
    const worlds = await namedWorlds(deps, call)
    const { mode } = checked(createKeyBody, (await call.readJson()) ?? {})
    const world = worlds.find((one) => one.mode === mode) ?? worlds[0]
    return create(world, await readCommand(deps.secrets, inWorld(call, world), createKeyBody))
  }
}

/** GET /internal/api-keys: of both worlds of the project, newest first, at most `pageRowsMax` of each. */
export const listKeys =
  (deps: HttpDeps): Handler<AdminCall> =>
  async (call) => {
    const worlds = await namedWorlds(deps, call)
    const read = () =>
      Promise.all(
        worlds.map(async ({ project, mode }) => {
          const rows = await listRows(deps.reads(project), project, { limit: pageRowsMax })
          const uses = await lastUses(
            deps.shared,
            rows.map(({ id }) => id),
          )
          return rows.map((row) => ({ at: row.created_at, key: keyOfRow(row, mode, uses) }))
        }),
      )
    const { rows, position } = await readAt(deps, call, ['api_keys'], read)
    const data = rows
      .flat()
      .sort((a, b) => (a.at < b.at ? 1 : -1))
      .map(({ key }) => key)
    const has_more = rows.some((ofWorld) => ofWorld.length === pageRowsMax)
    return { status: 200, body: { data, has_more, next_cursor: null }, position }
  }

/** POST /internal/api-keys/{id}/rotate */
export const rotateKey = (deps: HttpDeps): Handler<AdminCall> => {
  const rotate = keyWrites.rotateKey(deps)
  return async (call) => {
    const id = apiKeyIn(call.params)
    const world = await worldOfKey(deps, call, id)
    const command = await readCommand(deps.secrets, inWorld(call, world), rotateKeyBody)
    return rotate(world, id, command)
  }
}

/** DELETE /internal/api-keys/{id}: the key as it is then; asked again, the same. */
export const revokeKey = (deps: HttpDeps): Handler<AdminCall> => {
  const revoke = keyWrites.revokeKey(deps)
  return async (call) => {
    const id = apiKeyIn(call.params)
    const world = await worldOfKey(deps, call, id)
    return revoke(world, id, call)
  }
}

import { listApiKeys as listRows } from '../../../projections/api-keys.ts'
import { apiKeyListReply } from '../../../protocol/replies.ts'
import { createKeyBody, pageQuery, rotateKeyBody } from '../../../protocol/requests.ts'
import { apiKey } from '../../domain/api-key.ts'
import { apiKeyStream } from '../../store/streams.ts'
import { apiKeyIn } from '../addressed.ts'
import { keyOfRow } from '../api-key-views.ts'
import * as keyWrites from '../api-key-writes.ts'
import type { Handler, ProjectCall } from '../call.ts'
import { readCommand } from '../commands.ts'
import { checkMayHandOut } from '../key-grants.ts'
import { lastUses } from '../key-use.ts'
import * as examples from '../openapi/examples.ts'
import { apiKeyPath } from '../openapi/params.ts'
import type { Operation } from '../operation.ts'
import { listName, pageOf, pageReply } from '../pages.ts'
import type { HttpDeps } from '../ports.ts'
import { invalidValue } from '../problems.ts'
import { queryOf } from '../query.ts'
import { readAt } from '../reads.ts'
import { refusal } from '../refusals.ts'
import { worldsOf } from '../worlds.ts'

export const listKeysOperation: Operation = {
  id: 'listKeys',
  tag: 'API keys',
  summary: 'List the API keys of this world',
  description: 'Newest first, revoked ones too. `last_used_at` is right to the minute.',
  query: pageQuery,
  headers: ['Min-Position'],
  replies: {
    200: {
      says: 'A page of keys.',
      body: apiKeyListReply,
      example: examples.page(examples.apiKey),
      headers: ['Position'],
    },
  },
}

export const createKeyOperation: Operation = {
  id: 'createKey',
  tag: 'API keys',
  summary: 'Create an API key',
  description:
    'With `scopes` a restricted key, without a secret key that holds all. No key makes one that may more than itself. The whole key is shown this once.',
  body: {
    schema: createKeyBody,
    example: { name: 'Reporting', scopes: ['devices:read'] },
    required: false,
  },
  headers: ['Idempotency-Key'],
  replies: keyWrites.created,
}

export const rotateKeyOperation: Operation = {
  id: 'rotateKey',
  tag: 'API keys',
  summary: 'Give an API key a new secret',
  description: 'The old one works on for `overlap_seconds`, a day where nothing is said.',
  params: apiKeyPath,
  body: keyWrites.overlap,
  headers: ['Idempotency-Key', 'If-Match'],
  replies: keyWrites.rotated,
  refusals: ['invalid_state'],
}

export const revokeKeyOperation: Operation = {
  id: 'revokeKey',
  tag: 'API keys',
  summary: 'Revoke an API key',
  description: 'It is dead on every node at once, for good. Asked again, the same.',
  params: apiKeyPath,
  headers: ['If-Match'],
  replies: keyWrites.revoked,
}

const worldOf = async (deps: HttpDeps, { project }: ProjectCall) =>
  (await worldsOf(deps, project))[0]

/** GET /v1/api-keys */
export const listKeys =
  (deps: HttpDeps): Handler<ProjectCall> =>
  async (call) => {
    const list = listName('api-keys', call.project)
    const { limit, page } = pageOf(deps, queryOf(call, pageQuery), list)
    const { mode } = await worldOf(deps, call)
    const read = async () => {
      const rows = await listRows(deps.reads(call.project), call.project, page)
      const ids = rows.map(({ id }) => id)
      return { rows, uses: await lastUses(deps.shared, ids) }
    }
    const { rows: found, position } = await readAt(deps, call, ['api_keys'], read)
    const body = pageReply(deps, { rows: found.rows, limit, list }, (row) =>
      keyOfRow(row, mode, found.uses),
    )
    return { status: 200, body, position }
  }

/** POST /v1/api-keys: in the caller's own world. */
export const createKey = (deps: HttpDeps): Handler<ProjectCall> => {
  const create = keyWrites.createKey(deps)
  return async (call) => {
    const command = await readCommand(deps.secrets, call, createKeyBody)
    const { scopes, mode } = command.body
    const world = await worldOf(deps, call)
    if (mode !== undefined && mode !== world.mode)
      throw invalidValue('mode', `must be ${world.mode}, the world that this is asked in`)
    checkMayHandOut(call.caller, { kind: scopes ? 'restricted' : 'secret', scopes: scopes ?? [] })
    return create(world, command)
  }
}

/** POST /v1/api-keys/{id}/rotate: who is handed the new secret holds what it opens. */
export const rotateKey = (deps: HttpDeps): Handler<ProjectCall> => {
  const rotate = keyWrites.rotateKey(deps)
  return async (call) => {
    const id = apiKeyIn(call.params)
    const command = await readCommand(deps.secrets, call, rotateKeyBody)
    const { state } = await deps.ledger.read(apiKeyStream(call.project, id), apiKey)
    if (state.status === 'unknown') throw refusal('unknown-key')
    checkMayHandOut(call.caller, state)
    return rotate(await worldOf(deps, call), id, command)
  }
}

/** DELETE /v1/api-keys/{id} */
export const revokeKey = (deps: HttpDeps): Handler<ProjectCall> => {
  const revoke = keyWrites.revokeKey(deps)
  return async (call) => {
    return revoke(await worldOf(deps, call), apiKeyIn(call.params), call)
  }
}

import { listApiKeys as listRows } from '../../../projections/api-keys.ts'
import type { ApiKeyId } from '../../../protocol/ids.ts'
import { pageRowsMax } from '../../../protocol/limits.ts'
import { createKeyBody, rotateKeyBody } from '../../../protocol/requests.ts'
import { type ApiKey, apiKey } from '../../domain/api-key.ts'
import { apiKeyStream } from '../../store/streams.ts'
import { apiKeyIn } from '../addressed.ts'
import { keyOfFold, keyOfRow, type World } from '../api-key-views.ts'
import { projectNamed } from '../authenticate.ts'
import type { AdminCall, Handler, ProjectCall, Reply } from '../call.ts'
import { checked, readCommand } from '../commands.ts'
import type { HttpDeps } from '../ports.ts'
import { notFound } from '../problems.ts'
import { readAt } from '../reads.ts'
import { refusal } from '../refusals.ts'
import { settle } from '../settle.ts'
import * as keys from '../use-cases/api-keys.ts'
import type { Written } from '../use-cases/written.ts'
import { worldsOf } from '../worlds.ts'

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

const shown = async (
  deps: HttpDeps,
  world: World,
  { state, revision, position }: Written<ApiKey>,
): Promise<Reply> => {
  if (state.status === 'unknown') throw new Error('an unknown key was written to')
  await settle(deps, position)
  const body = await keyOfFold(deps, world, state)
  return { status: 200, body, position, resource: { revision, representation: body } }
}

/** The reply that holds a key in clear, or its replay, from which it is withheld. */
const withSecret = (reply: Reply, key: string | undefined): Reply => ({
  ...reply,
  body: { ...Object(reply.body), ...(key === undefined ? { secret_available: false } : { key }) },
  secret: true,
  replayed: key === undefined,
})

/** POST /internal/api-keys: in the world that `mode` names, or else in the one that `Lapel-Project` does. */
export const createKey = (deps: HttpDeps): Handler<AdminCall> => {
  const create = keys.createKey(deps)
  return async (call) => {
    const worlds = await namedWorlds(deps, call)
    const { mode } = checked(createKeyBody, (await call.readJson()) ?? {})
    const world = worlds.find((one) => one.mode === mode) ?? worlds[0]
    const outcome = await create(
      await readCommand(deps.secrets, inWorld(call, world), createKeyBody),
    )
    if (outcome.kind === 'idempotency-mismatch') throw refusal(outcome.kind)
    const reply = await shown(deps, world, outcome)
    return {
      ...withSecret(reply, outcome.kind === 'created' ? outcome.key : undefined),
      status: 201,
    }
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
          const rows = await listRows(deps.db, project, { limit: pageRowsMax })
          return rows.map((row) => ({ at: row.created_at, key: keyOfRow(row, mode) }))
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
  const rotate = keys.rotateKey(deps)
  return async (call) => {
    const id = apiKeyIn(call.params)
    const world = await worldOfKey(deps, call, id)
    const command = await readCommand(deps.secrets, inWorld(call, world), rotateKeyBody)
    const outcome = await rotate(id, command)
    if (outcome.kind === 'refused') throw refusal(outcome.because)
    if (outcome.kind === 'idempotency-mismatch') throw refusal(outcome.kind)
    const reply = await shown(deps, world, outcome)
    return withSecret(reply, outcome.kind === 'rotated' ? outcome.key : undefined)
  }
}

/** DELETE /internal/api-keys/{id}: the key as it is then; asked again, the same. */
export const revokeKey = (deps: HttpDeps): Handler<AdminCall> => {
  const revoke = keys.revokeKey(deps)
  return async (call) => {
    const id = apiKeyIn(call.params)
    const world = await worldOfKey(deps, call, id)
    const { actor, requestId } = call
    const outcome = await revoke(id, { project: world.project, actor, requestId })
    if (outcome.kind === 'refused') throw refusal(outcome.because)
    return shown(deps, world, outcome)
  }
}

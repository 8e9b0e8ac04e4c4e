import type { ApiKeyId } from '../../protocol/ids.ts'
import { apiKeyReply } from '../../protocol/replies.ts'
import { type CreateKeyBody, type RotateKeyBody, rotateKeyBody } from '../../protocol/requests.ts'
import { shownKey, type World } from './api-key-views.ts'
import type { AdminCall, ProjectCall, Reply } from './call.ts'
import type { Command } from './commands.ts'
import { parseIfMatch } from './conditions.ts'
import * as examples from './openapi/examples.ts'
import type { Operation, ReplyDescription } from './operation.ts'
import type { HttpDeps } from './ports.ts'
import { refusal } from './refusals.ts'
import * as keys from './use-cases/api-keys.ts'

// What the routes of a key's own world and those of the administrator have in common.

/** The reply that holds a key in clear, or its replay, from which it is withheld. */
const withSecret = (reply: Reply, key: string | undefined): Reply => ({
  ...reply,
  body: { ...Object(reply.body), ...(key === undefined ? { secret_available: false } : { key }) },
  secret: true,
  replayed: key === undefined,
})

/** What a description shows of such a reply. */
const wholeKey = {
  ...examples.apiKey,
  key: 'rk_test_VectorApiKey7hVqk2XwzPZ3mJt0aYdRfBnCsLuEoGi6vVkA',
}

type Replies = Operation['replies']

const withKey = (says: string): ReplyDescription => ({
  says,
  body: apiKeyReply,
  example: wholeKey,
  headers: ['ETag', 'Position', 'Idempotent-Replayed'],
})

export const created: Replies = { 201: withKey('The new key.') }
export const rotated: Replies = { 200: withKey('The key with its new secret.') }

export const revoked: Replies = {
  200: {
    says: 'The key as it is then.',
    body: apiKeyReply,
    example: { ...examples.apiKey, status: 'revoked' },
    headers: ['ETag', 'Position'],
  },
}

export const overlap: NonNullable<Operation['body']> = {
  schema: rotateKeyBody,
  example: { overlap_seconds: 3_600 },
  required: false,
}

export const createKey = (deps: HttpDeps) => {
  const create = keys.createKey(deps)
  return async (world: World, command: Command<CreateKeyBody>): Promise<Reply> => {
    const outcome = await create(command)
    if (outcome.kind === 'idempotency-mismatch') throw refusal(outcome.kind)
    const reply = await shownKey(deps, world, outcome)
    const key = outcome.kind === 'created' ? outcome.key : undefined
    return { ...withSecret(reply, key), status: 201 }
  }
}

export const rotateKey = (deps: HttpDeps) => {
  const rotate = keys.rotateKey(deps)
  return async (world: World, id: ApiKeyId, command: Command<RotateKeyBody>): Promise<Reply> => {
    const outcome = await rotate(id, command)
    if (outcome.kind === 'refused') throw refusal(outcome.because)
    if (outcome.kind === 'idempotency-mismatch') throw refusal(outcome.kind)
    const reply = await shownKey(deps, world, outcome)
    return withSecret(reply, outcome.kind === 'rotated' ? outcome.key : undefined)
  }
}

export const revokeKey = (deps: HttpDeps) => {
  const revoke = keys.revokeKey(deps)
  return async (world: World, id: ApiKeyId, call: AdminCall | ProjectCall): Promise<Reply> => {
    const { actor, requestId, headers } = call
    const by = { project: world.project, actor, requestId }
    const outcome = await revoke(id, { by, ifMatch: parseIfMatch(headers['if-match']) })
    if (outcome.kind === 'refused') throw refusal(outcome.because)
    return shownKey(deps, world, outcome)
  }
}

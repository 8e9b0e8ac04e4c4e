import { z } from 'zod'
import { writeWaitMsMax } from '../../../protocol/limits.ts'
import { refreshReply } from '../../../protocol/replies.ts'
import type { Handler, ProjectCall } from '../call.ts'
import { readCommand } from '../commands.ts'
import * as examples from '../openapi/examples.ts'
import { devicePath } from '../openapi/params.ts'
import type { Operation } from '../operation.ts'
import type { HttpDeps } from '../ports.ts'
import { Problem } from '../problems.ts'
import { refusal } from '../refusals.ts'
import { refreshToken as decide } from '../use-cases/refresh-token.ts'

const refreshBody = z.object({})

export const refreshTokenOperation: Operation = {
  id: 'refreshToken',
  tag: 'Devices',
  summary: 'Refresh a device’s own token',
  description: 'The presented token works until the new one is first used, for a bounded time.',
  params: devicePath,
  body: { schema: refreshBody, example: {}, required: false },
  headers: ['Idempotency-Key'],
  replies: {
    200: {
      says: 'The new token, this once.',
      body: refreshReply,
      example: { device_token: examples.deviceToken },
      headers: ['Position', 'Idempotent-Replayed'],
    },
  },
}

/** POST /v1/devices/{id}/token/refresh, with the device's own token alone (HTTP contract, decision 6). */
export const refreshToken = (deps: HttpDeps): Handler<ProjectCall> => {
  const refresh = decide(deps)
  return async (call) => {
    if (call.caller.kind !== 'device') throw new Problem('forbidden')
    const command = await readCommand(deps.secrets, call, refreshBody)
    const outcome = await refresh(call.caller, command)
    if (outcome.kind === 'refused') throw refusal(outcome.because)
    if (outcome.kind === 'idempotency-mismatch') throw refusal(outcome.kind)
    const { position } = outcome
    if (position !== null) await deps.auth.followed(position, writeWaitMsMax)
    return {
      status: 200,
      body:
        outcome.kind === 'refreshed'
          ? { device_token: outcome.token }
          : { secret_available: false },
      position,
      secret: true,
      replayed: outcome.kind === 'replayed',
    }
  }
}

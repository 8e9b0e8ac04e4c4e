import { z } from 'zod'
import { deviceReply } from '../../../protocol/replies.ts'
import { deviceIn } from '../addressed.ts'
import type { Handler, ProjectCall } from '../call.ts'
import { readCommand } from '../commands.ts'
import { showWritten, validatorOf } from '../device-views.ts'
import * as examples from '../openapi/examples.ts'
import { devicePath } from '../openapi/params.ts'
import type { Operation } from '../operation.ts'
import type { HttpDeps } from '../ports.ts'
import { refusal } from '../refusals.ts'
import { unbindDevice as decide } from '../use-cases/unbind-device.ts'
import { ofRegistered } from './registered.ts'

const unbindBody = z.object({})

export const unbindDeviceOperation: Operation = {
  id: 'unbindDevice',
  tag: 'Devices',
  summary: 'Unbind a device',
  description: 'Ends its tokens for good. Nothing happens to a device that is not bound.',
  params: devicePath,
  body: { schema: unbindBody, example: {}, required: false },
  headers: ['Idempotency-Key', 'If-Match'],
  replies: {
    200: {
      says: 'The device as it is then.',
      body: deviceReply,
      example: examples.unboundDevice,
      headers: ['ETag', 'Position', 'Idempotent-Replayed'],
    },
  },
  refusals: ['invalid_state'],
}

/** POST /v1/devices/{id}/unbind: nothing happens to a device that is not bound. */
export const unbindDevice = (deps: HttpDeps): Handler<ProjectCall> => {
  const unbind = decide(deps)
  return async (call) => {
    const id = deviceIn(call)
    const outcome = await unbind(id, await readCommand(deps.secrets, call, unbindBody))
    if (outcome.kind === 'refused') throw refusal(outcome.because)
    if (outcome.kind === 'idempotency-mismatch') throw refusal(outcome.kind)
    const device = await showWritten(deps, call.project, ofRegistered(outcome))
    return {
      status: 200,
      body: device.brief,
      position: outcome.position,
      resource: validatorOf(device),
      replayed: outcome.kind === 'replayed',
    }
  }
}

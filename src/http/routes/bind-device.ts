import { bindReply } from '../../../protocol/replies.ts'
import { bindBody } from '../../../protocol/requests.ts'
import { deviceIn } from '../addressed.ts'
import type { Handler, ProjectCall } from '../call.ts'
import { readCommand } from '../commands.ts'
import { showWritten, validatorOf } from '../device-views.ts'
import * as examples from '../openapi/examples.ts'
import { devicePath } from '../openapi/params.ts'
import type { Operation } from '../operation.ts'
import type { HttpDeps } from '../ports.ts'
import { refusal } from '../refusals.ts'
import { bindDevice as decide } from '../use-cases/bind-device.ts'
import { ofRegistered } from './registered.ts'

export const bindDeviceOperation: Operation = {
  id: 'bindDevice',
  tag: 'Devices',
  summary: 'Bind a device to an end user',
  description: 'The device token is shown this once.',
  params: devicePath,
  body: {
    schema: bindBody,
    example: { end_user_id: 'eu_0LapelVectorEndUser001' },
    required: true,
  },
  headers: ['Idempotency-Key', 'If-Match'],
  replies: {
    200: {
      says: 'The device with its token.',
      body: bindReply,
      example: { ...examples.device, device_token: examples.deviceToken },
      headers: ['ETag', 'Position', 'Idempotent-Replayed'],
    },
  },
  refusals: ['device_already_bound', 'invalid_state'],
}

/** POST /v1/devices/{id}/bind: the device with its token, in clear this one time. After its append it never answers 503. */
export const bindDevice = (deps: HttpDeps): Handler<ProjectCall> => {
  const bind = decide(deps)
  return async (call) => {
    const id = deviceIn(call)
    const outcome = await bind(id, await readCommand(deps.secrets, call, bindBody))
    if (outcome.kind === 'refused') throw refusal(outcome.because)
    if (outcome.kind === 'idempotency-mismatch') throw refusal(outcome.kind)
    const device = await showWritten(deps, call.project, ofRegistered(outcome))
    const once =
      outcome.kind === 'bound' ? { device_token: outcome.token } : { secret_available: false }
    return {
      status: 200,
      body: { ...device.brief, ...once },
      position: outcome.position,
      resource: validatorOf(device),
      secret: true,
      replayed: outcome.kind === 'replayed',
    }
  }
}

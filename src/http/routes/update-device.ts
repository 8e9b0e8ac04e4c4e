import { deviceWithSettingsReply } from '../../../protocol/replies.ts'
import { updateDeviceBody } from '../../../protocol/requests.ts'
import { deviceIn } from '../addressed.ts'
import type { Handler, ProjectCall } from '../call.ts'
import { readCommand } from '../commands.ts'
import { showWritten, validatorOf } from '../device-views.ts'
import * as examples from '../openapi/examples.ts'
import { devicePath } from '../openapi/params.ts'
import type { Operation } from '../operation.ts'
import type { HttpDeps } from '../ports.ts'
import { refusal } from '../refusals.ts'
import { updateDevice as decide } from '../use-cases/update-device.ts'
import { ofRegistered } from './registered.ts'

export const updateDeviceOperation: Operation = {
  id: 'updateDevice',
  tag: 'Devices',
  summary: 'Change a device',
  description: 'What is sent replaces what was; settings are merged deeply.',
  params: devicePath,
  body: {
    schema: updateDeviceBody,
    example: { name: 'Front desk', settings: { upload: { allow_roaming: true } } },
    required: false,
  },
  headers: ['If-Match'],
  replies: {
    200: {
      says: 'The device as it is then.',
      body: deviceWithSettingsReply,
      example: examples.deviceWithSettings,
      headers: ['ETag', 'Position'],
    },
  },
  refusals: ['invalid_state'],
}

/** PATCH /v1/devices/{id}: only what is sent changes; it takes no `Idempotency-Key`, being idempotent by itself. */
export const updateDevice = (deps: HttpDeps): Handler<ProjectCall> => {
  const update = decide(deps)
  return async (call) => {
    const id = deviceIn(call)
    const { by, ...command } = await readCommand(deps.secrets, call, updateDeviceBody)
    const { idem: _, ...plain } = by
    const outcome = await update(id, { ...command, by: plain })
    if (outcome.kind === 'refused') throw refusal(outcome.because)
    const device = await showWritten(deps, call.project, ofRegistered(outcome))
    const resource = validatorOf(device)
    return { status: 200, body: device.full, position: outcome.position, resource }
  }
}

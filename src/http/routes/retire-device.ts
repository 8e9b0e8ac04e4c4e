import { deviceReply } from '../../../protocol/replies.ts'
import { deviceIn } from '../addressed.ts'
import type { Handler, ProjectCall } from '../call.ts'
import { parseIfMatch } from '../conditions.ts'
import { showWritten, validatorOf } from '../device-views.ts'
import * as examples from '../openapi/examples.ts'
import { devicePath } from '../openapi/params.ts'
import type { Operation } from '../operation.ts'
import type { HttpDeps } from '../ports.ts'
import { refusal } from '../refusals.ts'
import { retireDevice as decide } from '../use-cases/retire-device.ts'
import { ofRegistered } from './registered.ts'

export const retireDeviceOperation: Operation = {
  id: 'retireDevice',
  tag: 'Devices',
  summary: 'Retire a device',
  description:
    'Unbinds it, ends its tokens and frees its serial number for a new device of the next generation. Its record and its history stay.',
  params: devicePath,
  headers: ['If-Match'],
  replies: {
    200: {
      says: 'The device as it is from now on.',
      body: deviceReply,
      example: { ...examples.unboundDevice, status: 'retired' },
      headers: ['ETag', 'Position'],
    },
  },
}

/** DELETE /v1/devices/{id}: the device, retired; asked again, the same. */
export const retireDevice = (deps: HttpDeps): Handler<ProjectCall> => {
  const retire = decide(deps)
  return async (call) => {
    const id = deviceIn(call)
    const { project, actor, requestId } = call
    const ifMatch = parseIfMatch(call.headers['if-match'])
    const outcome = await retire(id, { by: { project, actor, requestId }, ifMatch })
    if (outcome.kind === 'refused') throw refusal(outcome.because)
    const device = await showWritten(deps, project, ofRegistered(outcome))
    const resource = validatorOf(device)
    return { status: 200, body: device.brief, position: outcome.position, resource }
  }
}

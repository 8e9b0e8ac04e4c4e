import { deviceReply } from '../../../protocol/replies.ts'
import { createDeviceBody } from '../../../protocol/requests.ts'
import type { Handler, ProjectCall } from '../call.ts'
import { readCommand } from '../commands.ts'
import { showWritten, validatorOf } from '../device-views.ts'
import * as examples from '../openapi/examples.ts'
import type { Operation } from '../operation.ts'
import type { HttpDeps } from '../ports.ts'
import { refusal } from '../refusals.ts'
import { registerDevice } from '../use-cases/register-device.ts'

export const createDeviceOperation: Operation = {
  id: 'createDevice',
  tag: 'Devices',
  summary: 'Register a device',
  description: 'A serial number that is known answers 200 with the device that has it.',
  body: {
    schema: createDeviceBody,
    example: { serial_number: 'SN-0001', model: 'bota_pin', metadata: { site: 'Zurich' } },
    required: true,
  },
  headers: ['Idempotency-Key'],
  replies: {
    200: {
      says: 'The device that has the serial number already.',
      body: deviceReply,
      example: examples.device,
      headers: ['ETag', 'Position', 'Idempotent-Replayed'],
    },
    201: {
      says: 'The new device.',
      body: deviceReply,
      example: examples.unboundDevice,
      headers: ['ETag', 'Position', 'Idempotent-Replayed'],
    },
  },
}

/** POST /v1/devices: 201 for a new device, 200 with the existing one for a serial number that is known. */
export const createDevice = (deps: HttpDeps): Handler<ProjectCall> => {
  const register = registerDevice(deps)
  return async (call) => {
    const command = await readCommand(deps.secrets, call, createDeviceBody)
    const outcome = await register(command)
    if (outcome.kind === 'idempotency-mismatch') throw refusal(outcome.kind)
    const device = await showWritten(deps, call.project, outcome)
    return {
      status: outcome.kind === 'known' ? 200 : 201,
      body: device.brief,
      position: outcome.position,
      resource: validatorOf(device),
      replayed: outcome.kind === 'replayed',
    }
  }
}

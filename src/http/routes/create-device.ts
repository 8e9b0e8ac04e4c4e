import { createDeviceBody } from '../../../protocol/requests.ts'
import type { Handler, ProjectCall } from '../call.ts'
import { readCommand } from '../commands.ts'
import { showWritten, validatorOf } from '../device-views.ts'
import type { HttpDeps } from '../ports.ts'
import { refusal } from '../refusals.ts'
import { registerDevice } from '../use-cases/register-device.ts'

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

import { updateDeviceBody } from '../../../protocol/requests.ts'
import { deviceIn } from '../addressed.ts'
import type { Handler, ProjectCall } from '../call.ts'
import { readCommand } from '../commands.ts'
import { showWritten, validatorOf } from '../device-views.ts'
import type { HttpDeps } from '../ports.ts'
import { refusal } from '../refusals.ts'
import { updateDevice as decide } from '../use-cases/update-device.ts'
import { ofRegistered } from './registered.ts'

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

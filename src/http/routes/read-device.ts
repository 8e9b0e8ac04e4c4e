import { readDevice as readRow } from '../../../projections/devices.ts'
import { deviceWithSettingsReply } from '../../../protocol/replies.ts'
import { deviceIn } from '../addressed.ts'
import type { Handler, ProjectCall } from '../call.ts'
import { showRow, validatorOf } from '../device-views.ts'
import * as examples from '../openapi/examples.ts'
import { devicePath } from '../openapi/params.ts'
import type { Operation } from '../operation.ts'
import type { HttpDeps } from '../ports.ts'
import { notFound } from '../problems.ts'
import { readAt } from '../reads.ts'

export const readDeviceOperation: Operation = {
  id: 'readDevice',
  tag: 'Devices',
  summary: 'Read a device',
  params: devicePath,
  headers: ['If-None-Match', 'Min-Position'],
  replies: {
    200: {
      says: 'The device with the settings in force.',
      body: deviceWithSettingsReply,
      example: examples.deviceWithSettings,
      headers: ['ETag', 'Position'],
    },
  },
}

const tables = ['devices', 'device_health'] as const

/** GET /v1/devices/{id}, and `me` with the device's own token. */
export const readDevice =
  (deps: HttpDeps): Handler<ProjectCall> =>
  async (call) => {
    const id = deviceIn(call)
    const read = () => readRow(deps.reads(call.project), call.project, id)
    const { rows: row, position } = await readAt(deps, call, tables, read)
    if (!row) throw notFound()
    const device = showRow(deps, row)
    return { status: 200, body: device.full, position, resource: validatorOf(device) }
  }

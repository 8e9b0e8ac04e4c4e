import { readDevice as readRow } from '../../../projections/devices.ts'
import { deviceIn } from '../addressed.ts'
import type { Handler, ProjectCall } from '../call.ts'
import { showRow, validatorOf } from '../device-views.ts'
import type { HttpDeps } from '../ports.ts'
import { notFound } from '../problems.ts'
import { readAt } from '../reads.ts'

const tables = ['devices', 'device_health'] as const

/** GET /v1/devices/{id}, and `me` with the device's own token. */
export const readDevice =
  (deps: HttpDeps): Handler<ProjectCall> =>
  async (call) => {
    const id = deviceIn(call)
    const read = () => readRow(deps.db, call.project, id)
    const { rows: row, position } = await readAt(deps, call, tables, read)
    if (!row) throw notFound()
    const device = showRow(deps, row)
    return { status: 200, body: device.full, position, resource: validatorOf(device) }
  }

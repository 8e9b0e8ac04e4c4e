import { countDevices } from '../../../projections/devices.ts'
import { deviceStatsReply } from '../../../protocol/device-part-replies.ts'
import type { Handler, ProjectCall } from '../call.ts'
import { onlineSince } from '../device-views.ts'
import * as examples from '../openapi/examples.ts'
import type { Operation } from '../operation.ts'
import type { HttpDeps } from '../ports.ts'
import { readAt } from '../reads.ts'

export const readStatsOperation: Operation = {
  id: 'readDeviceStats',
  tag: 'Devices',
  summary: 'Count the devices',
  description:
    'Of the devices that are not retired: how many there are, are online, have a battery below 15 % or more than 90 % of their storage used.',
  headers: ['Min-Position'],
  replies: {
    200: {
      says: 'The counts.',
      body: deviceStatsReply,
      example: examples.deviceStats,
      headers: ['Position'],
    },
  },
}

/** GET /v1/devices/stats */
export const readStats =
  (deps: HttpDeps): Handler<ProjectCall> =>
  async (call) => {
    const read = () => countDevices(deps.reads(call.project), call.project, onlineSince(deps))
    const { rows, position } = await readAt(deps, call, ['devices', 'device_health'], read)
    const [devices, bound] = [Number(rows?.devices ?? 0), Number(rows?.bound ?? 0)]
    const body = {
      device_count: devices,
      bound_count: bound,
      unbound_count: devices - bound,
      online_count: Number(rows?.online ?? 0),
      low_battery_count: Number(rows?.low_battery ?? 0),
      storage_full_count: Number(rows?.storage_full ?? 0),
    }
    return { status: 200, body, position }
  }

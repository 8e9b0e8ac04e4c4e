import { countDevices } from '../../../projections/device-counts.ts'
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
    const { rows: counts, position } = await readAt(deps, call, ['devices', 'device_health'], read)
    const body = {
      device_count: counts.devices,
      bound_count: counts.bound,
      unbound_count: counts.devices - counts.bound,
      online_count: counts.online,
      low_battery_count: counts.low_battery,
      storage_full_count: counts.storage_full,
    }
    return { status: 200, body, position }
  }

import { listDevices as listRows } from '../../../projections/devices.ts'
import { parseId } from '../../../protocol/ids.ts'
import { deviceListReply } from '../../../protocol/replies.ts'
import { listDevicesQuery } from '../../../protocol/requests.ts'
import type { Handler, ProjectCall } from '../call.ts'
import { showRow } from '../device-views.ts'
import * as examples from '../openapi/examples.ts'
import type { Operation } from '../operation.ts'
import { listName, pageOf, pageReply } from '../pages.ts'
import type { HttpDeps } from '../ports.ts'
import { readAt } from '../reads.ts'

export const listDevicesOperation: Operation = {
  id: 'listDevices',
  tag: 'Devices',
  summary: 'List devices',
  description: 'Newest first, without retired ones.',
  query: listDevicesQuery,
  headers: ['Min-Position'],
  replies: {
    200: {
      says: 'A page of devices.',
      body: deviceListReply,
      example: examples.page(examples.device),
      headers: ['Position'],
    },
  },
}

const tables = ['devices', 'device_health'] as const

/** GET /v1/devices: newest first, without retired ones; `end_user_id` filters. */
export const listDevices =
  (deps: HttpDeps): Handler<ProjectCall> =>
  async (call) => {
    const asked = call.query.get('end_user_id') ?? undefined
    const endUserId = asked === undefined ? undefined : parseId('eu_', asked)
    // An id of another form names nobody, as one that is not there.
    const namesNobody = asked !== undefined && endUserId === undefined
    const list = listName('devices', call.project, endUserId)
    const { limit, page } = pageOf(deps, call, list)
    const filter = endUserId === undefined ? {} : { endUserId }
    const read = async () =>
      namesNobody ? [] : listRows(deps.reads(call.project), call.project, { ...page, ...filter })
    const { rows, position } = await readAt(deps, call, tables, read)
    const body = pageReply(deps, { rows, limit, list }, (row) => showRow(deps, row).brief)
    return { status: 200, body, position }
  }

import { type DeviceFilter, listDevices as listRows } from '../../../projections/devices.ts'
import { parseId } from '../../../protocol/ids.ts'
import { deviceListReply } from '../../../protocol/replies.ts'
import { type ListDevicesQuery, listDevicesQuery } from '../../../protocol/requests.ts'
import type { Handler, ProjectCall } from '../call.ts'
import { briefOf, onlineSince } from '../device-views.ts'
import * as examples from '../openapi/examples.ts'
import type { Operation } from '../operation.ts'
import { listName, pageOf, pageReply } from '../pages.ts'
import type { HttpDeps } from '../ports.ts'
import { commonFilterOf, queryOf } from '../query.ts'
import { readAt } from '../reads.ts'

export const listDevicesOperation: Operation = {
  id: 'listDevices',
  tag: 'Devices',
  summary: 'List devices',
  description: 'Newest first, without retired ones unless `status` asks for them.',
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

/** `undefined`: an id of another form, which names nobody, as one that is not there. */
const filterOf = (query: ListDevicesQuery, since: string): DeviceFilter | undefined => {
  const { status, end_user_id, model, serial_number, online } = query
  const endUserId = end_user_id === undefined ? undefined : parseId('eu_', end_user_id)
  if (end_user_id !== undefined && endUserId === undefined) return undefined
  return {
    ...commonFilterOf(query),
    ...(status && { status }),
    ...(endUserId && { endUserId }),
    ...(model !== undefined && { model }),
    ...(serial_number !== undefined && { serialNumber: serial_number }),
    ...(online !== undefined && { online: { is: online, since } }),
  }
}

/** GET /v1/devices: newest first where nothing is said, without retired ones unless they are asked for. */
export const listDevices =
  (deps: HttpDeps): Handler<ProjectCall> =>
  async (call) => {
    const query = queryOf(call, listDevicesQuery)
    const filter = filterOf(query, onlineSince(deps))
    const { limit: _, cursor: __, offset: ___, ...asked } = query
    const list = listName('devices', call.project, JSON.stringify(asked))
    const { limit, page } = pageOf(deps, query, list)
    const read = async () =>
      filter ? listRows(deps.reads(call.project), call.project, { ...page, filter }) : []
    const { rows, position } = await readAt(deps, call, tables, read)
    const body = pageReply(deps, { rows, limit, list }, (row) => briefOf(deps, row))
    return { status: 200, body, position }
  }

import { z } from 'zod'
import { readDevice } from '../../../projections/devices.ts'
import { type Heartbeat, heartbeats, listHeartbeats } from '../../../projections/heartbeats.ts'
import { heartbeatListReply } from '../../../protocol/device-part-replies.ts'
import { instantOf } from '../../../protocol/instant.ts'
import { heartbeatsQuery } from '../../../protocol/requests.ts'
import { unpacked } from '../../store/packed.ts'
import { deviceIn } from '../addressed.ts'
import type { Handler, ProjectCall } from '../call.ts'
import { openCursor, sealCursor } from '../cursors.ts'
import * as examples from '../openapi/examples.ts'
import { devicePath } from '../openapi/params.ts'
import type { Operation } from '../operation.ts'
import { listName } from '../pages.ts'
import type { HttpDeps } from '../ports.ts'
import { notFound } from '../problems.ts'
import { queryOf, timeIn } from '../query.ts'
import { readAt } from '../reads.ts'

export const deviceHeartbeatsOperation: Operation = {
  id: 'deviceHeartbeats',
  tag: 'Devices',
  summary: 'List a device’s heartbeats',
  description:
    'Those received within the half-open range, the newest first where nothing is said. They are kept for 30 days unless the operator says otherwise.',
  params: devicePath,
  query: heartbeatsQuery,
  headers: ['Min-Position'],
  replies: {
    200: {
      says: 'A page of heartbeats.',
      body: heartbeatListReply,
      example: examples.page(examples.heartbeat),
      headers: ['Position'],
    },
  },
}

const placeSchema = z.object({ position: z.string(), entry: z.int() })

const members = [
  'battery_percent',
  'storage_used_mb',
  'storage_total_mb',
  'signal_strength_dbm',
  'firmware_version',
  'device_state',
  'pending_recordings',
  'flags',
  'connection_type',
] as const

/** The greatest moment that ECMAScript has a date for. */
const lastMs = 8.64e15

const deviceTime = ({ at }: Heartbeat): string | null => {
  const ms = typeof at === 'string' ? Date.parse(at) : at
  return ms === null || !(Math.abs(ms) <= lastMs) ? null : instantOf(ms)
}

const shown = (row: Heartbeat): object => ({
  received_at: row.rx,
  via: row.via,
  boot: row.boot,
  seq: row.seq,
  device_at: deviceTime(row),
  ...Object.fromEntries(members.map((member) => [member, row.data[member] ?? null])),
})

const placeOf = ({ position, entry }: Heartbeat): z.infer<typeof placeSchema> => ({
  position,
  entry,
})

/** GET /v1/devices/{id}/heartbeats. Its `Position` is that of the history, which may lag behind the device's row. */
export const deviceHeartbeats =
  (deps: HttpDeps): Handler<ProjectCall> =>
  async (call) => {
    const id = deviceIn(call)
    const { limit, order, cursor: text, ...range } = queryOf(call, heartbeatsQuery)
    const [from, to] = [timeIn(range.from), timeIn(range.to)]
    const { cursor: key } = deps.secrets
    const list = listName('heartbeats', call.project, id, order, from, to)
    const after =
      text === undefined ? undefined : openCursor(key, list, { text, schema: placeSchema })
    const reads = deps.reads(call.project)
    const page = { from, to, order, limit: limit + 1, after }
    const read = () =>
      Promise.all([
        readDevice(reads, call.project, id),
        listHeartbeats(reads, { project: call.project, device: id }, page, unpacked),
      ])
    const own = { ...deps, projector: deps.heartbeats }
    const { rows, position } = await readAt(own, call, [heartbeats.name], read)
    const [device, found] = rows
    if (!device) throw notFound()
    const last = found.length > limit ? found[limit - 1] : undefined
    const body = {
      data: found.slice(0, limit).map(shown),
      has_more: last !== undefined,
      next_cursor: last ? sealCursor(key, list, placeOf(last)) : null,
    }
    return { status: 200, body, position }
  }

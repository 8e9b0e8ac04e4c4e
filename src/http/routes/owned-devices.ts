import { z } from 'zod'
import { readEndUser } from '../../../projections/end-users.ts'
import { ownedAt } from '../../../projections/ownership.ts'
import type { OwnershipRow } from '../../../projections/tables.ts'
import { ownedDevicesReply } from '../../../protocol/device-part-replies.ts'
import { instant } from '../../../protocol/events/shapes.ts'
import { instantOf } from '../../../protocol/instant.ts'
import { ownedDevicesQuery } from '../../../protocol/requests.ts'
import { endUserIn } from '../addressed.ts'
import type { Handler, ProjectCall } from '../call.ts'
import { openCursor, sealCursor } from '../cursors.ts'
import * as examples from '../openapi/examples.ts'
import { endUserPath } from '../openapi/params.ts'
import type { Operation } from '../operation.ts'
import { listName } from '../pages.ts'
import type { HttpDeps } from '../ports.ts'
import { notFound } from '../problems.ts'
import { queryOf, timeIn } from '../query.ts'
import { readAt } from '../reads.ts'

export const ownedDevicesOperation: Operation = {
  id: 'ownedDevices',
  tag: 'End users',
  summary: 'List what an end user owned',
  description: 'At `at`, or now; the newest binding first.',
  params: endUserPath,
  query: ownedDevicesQuery,
  headers: ['Min-Position'],
  replies: {
    200: {
      says: 'A page of devices with the interval of their binding.',
      body: ownedDevicesReply,
      example: examples.ownedDevices,
      headers: ['Position'],
    },
  },
}

const placeSchema = z.object({ at: instant, since: instant, bindingId: z.string() })

const shown = (row: OwnershipRow) => ({
  device_id: row.device_id,
  end_user_id: row.end_user_id,
  binding_id: row.binding_id,
  since: instantOf(row.since.getTime()),
  until: row.until && instantOf(row.until.getTime()),
})

/** GET /v1/end-users/{id}/devices (HTTP contract, decision 26): from the table of ownership. A cursor keeps the time of its first page. */
export const ownedDevices =
  (deps: HttpDeps): Handler<ProjectCall> =>
  async (call) => {
    const id = endUserIn(call)
    const { limit, cursor: text, ...query } = queryOf(call, ownedDevicesQuery)
    const list = listName('owned', call.project, id, timeIn(query.at))
    const { cursor: key } = deps.secrets
    const after =
      text === undefined ? undefined : openCursor(key, list, { text, schema: placeSchema })
    const at = timeIn(query.at) ?? after?.at ?? instantOf(deps.now())
    const page = { endUserId: id, at, limit: limit + 1, ...(after && { after }) }
    const read = () =>
      Promise.all([
        readEndUser(deps.reads(call.project), call.project, id),
        ownedAt(deps.reads(call.project), call.project, page),
      ])
    const { rows, position } = await readAt(deps, call, ['ownership', 'end_users'], read)
    const [person, owned] = rows
    if (!person) throw notFound()
    const data = owned.slice(0, limit).map(shown)
    const last = owned.length > limit ? data.at(-1) : undefined
    const next = last && { at, since: last.since, bindingId: last.binding_id }
    const next_cursor = next ? sealCursor(key, list, next) : null
    return { status: 200, body: { data, has_more: !!next, next_cursor, at }, position }
  }

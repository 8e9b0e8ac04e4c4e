import { ownerReply } from '../../../protocol/replies.ts'
import { ownerQuery } from '../../../protocol/requests.ts'
import { deviceIn } from '../addressed.ts'
import type { Handler, ProjectCall } from '../call.ts'
import * as examples from '../openapi/examples.ts'
import { devicePath } from '../openapi/params.ts'
import type { Operation } from '../operation.ts'
import type { HttpDeps } from '../ports.ts'
import { notFound } from '../problems.ts'
import { queryOf, timeIn } from '../query.ts'
import { deviceOwner as read } from '../use-cases/device-history.ts'

export const deviceOwnerOperation: Operation = {
  id: 'deviceOwner',
  tag: 'Devices',
  summary: 'Read who owned a device',
  description:
    'At `at`, as far as was known by `known_at`; both are now where nothing is said. Read from the stream itself. The interval is half-open, and one that nobody owned is an interval too.',
  params: devicePath,
  query: ownerQuery,
  replies: {
    200: { says: 'The owner.', body: ownerReply, example: examples.owner, headers: ['Position'] },
  },
}

/** GET /v1/devices/{id}/owner (HTTP contract, decision 26). */
export const deviceOwner = (deps: HttpDeps): Handler<ProjectCall> => {
  const ownerOf = read(deps)
  return async (call) => {
    const id = deviceIn(call)
    const query = queryOf(call, ownerQuery)
    const asked = { at: timeIn(query.at), knownAt: timeIn(query.known_at) }
    const found = await ownerOf(call.project, id, asked)
    if (!found) throw notFound()
    const { ownership, at, knownAt, revision, position } = found
    const body = {
      device_id: id,
      end_user_id: ownership.endUserId,
      binding_id: ownership.bindingId,
      since: ownership.since,
      until: ownership.until,
      at,
      known_at: knownAt,
      revision,
    }
    return { status: 200, body, position }
  }
}

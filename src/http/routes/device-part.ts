import { readDevice as readRow } from '../../../projections/devices.ts'
import { deviceIn } from '../addressed.ts'
import type { Handler, ProjectCall } from '../call.ts'
import type { Members } from '../device-reply.ts'
import { showRow } from '../device-views.ts'
import { devicePath } from '../openapi/params.ts'
import type { Operation, ReplyDescription } from '../operation.ts'
import type { HttpDeps } from '../ports.ts'
import { notFound } from '../problems.ts'
import { readAt } from '../reads.ts'

type Part = Pick<Operation, 'id' | 'summary'> & Pick<ReplyDescription, 'says' | 'body' | 'example'>

/** A read of something that a device's row tells. */
export const partOperation = ({ id, summary, ...reply }: Part): Operation => ({
  id,
  tag: 'Devices',
  summary,
  params: devicePath,
  headers: ['If-None-Match', 'Min-Position'],
  replies: { 200: { ...reply, headers: ['ETag', 'Position'] } },
})

const tables = ['devices', 'device_health'] as const

/** What `part` makes of the whole device. */
export const readPart =
  (deps: HttpDeps, part: (device: Members) => Members): Handler<ProjectCall> =>
  async (call) => {
    const id = deviceIn(call)
    const read = () => readRow(deps.reads(call.project), call.project, id)
    const { rows: row, position } = await readAt(deps, call, tables, read)
    if (!row) throw notFound()
    const { full, revision } = showRow(deps, row)
    const body = part(full)
    return { status: 200, body, position, resource: { revision, representation: body } }
  }

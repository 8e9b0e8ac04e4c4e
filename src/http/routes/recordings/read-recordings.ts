import {
  listRecordings as listRows,
  type RecordingFilter,
  readRecording as readRow,
} from '../../../../projections/recordings.ts'
import { parseId } from '../../../../protocol/ids.ts'
import { recordingListReply, recordingReply } from '../../../../protocol/recording-replies.ts'
import {
  type ListRecordingsQuery,
  listRecordingsQuery,
} from '../../../../protocol/recording-requests.ts'
import type { Handler, ProjectCall } from '../../call.ts'
import { page } from '../../openapi/examples.ts'
import { recordingPath } from '../../openapi/params.ts'
import * as examples from '../../openapi/recording-examples.ts'
import type { Operation } from '../../operation.ts'
import { listName, pageOf, pageReply } from '../../pages.ts'
import type { HttpDeps } from '../../ports.ts'
import { notFound } from '../../problems.ts'
import { commonFilterOf, queryOf } from '../../query.ts'
import { readAt } from '../../reads.ts'
import { recordingOfRow } from '../../recording-views.ts'

const tables = ['recordings'] as const

export const readRecordingOperation: Operation = {
  id: 'readRecording',
  tag: 'Recordings',
  summary: 'Read a recording',
  params: recordingPath,
  headers: ['If-None-Match', 'Min-Position'],
  replies: {
    200: {
      says: 'The recording.',
      body: recordingReply,
      example: examples.recording,
      headers: ['ETag', 'Position'],
    },
  },
}

/** The row that `{id}` names, for reads. Throws 404. */
export const rowIn = async (deps: HttpDeps, call: ProjectCall) => {
  const id = parseId('rec_', call.params['id'])
  const read = async () => id && readRow(deps.reads(call.project), call.project, id)
  const { rows: row, position } = await readAt(deps, call, tables, read)
  if (!row) throw notFound()
  return { row, position }
}

/** GET /v1/recordings/{id} */
export const readRecording =
  (deps: HttpDeps): Handler<ProjectCall> =>
  async (call) => {
    const { row, position } = await rowIn(deps, call)
    const body = recordingOfRow(row)
    const resource = { revision: Number(row.revision), representation: body }
    return { status: 200, body, position, resource }
  }

export const listRecordingsOperation: Operation = {
  id: 'listRecordings',
  tag: 'Recordings',
  summary: 'List recordings',
  description: 'Newest first.',
  query: listRecordingsQuery,
  headers: ['Min-Position'],
  replies: {
    200: {
      says: 'A page of recordings.',
      body: recordingListReply,
      example: page(examples.recording),
      headers: ['Position'],
    },
  },
}

/** `undefined`: an id of another form, which names nobody, as one that is not there. */
const filterOf = (query: ListRecordingsQuery): RecordingFilter | undefined => {
  const { device_id, end_user_id, status } = query
  const deviceId = device_id === undefined ? undefined : parseId('dev_', device_id)
  const endUserId = end_user_id === undefined ? undefined : parseId('eu_', end_user_id)
  if (device_id !== undefined && deviceId === undefined) return undefined
  if (end_user_id !== undefined && endUserId === undefined) return undefined
  return {
    ...commonFilterOf(query),
    ...(status && { status }),
    ...(deviceId && { deviceId }),
    ...(endUserId && { endUserId }),
  }
}

/** GET /v1/recordings */
export const listRecordings =
  (deps: HttpDeps): Handler<ProjectCall> =>
  async (call) => {
    const query = queryOf(call, listRecordingsQuery)
    const filter = filterOf(query)
    const { limit: _, cursor: __, offset: ___, ...asked } = query
    const list = listName('recordings', call.project, JSON.stringify(asked))
    const { limit, page: place } = pageOf(deps, query, list)
    const read = async () =>
      filter ? listRows(deps.reads(call.project), call.project, { ...place, filter }) : []
    const { rows, position } = await readAt(deps, call, tables, read)
    return { status: 200, body: pageReply(deps, { rows, limit, list }, recordingOfRow), position }
  }

import { recordingReply } from '../../../../protocol/recording-replies.ts'
import { assignBody, updateRecordingBody } from '../../../../protocol/recording-requests.ts'
import type { Handler, ProjectCall } from '../../call.ts'
import { readCommand } from '../../commands.ts'
import { parseIfMatch } from '../../conditions.ts'
import { recordingPath } from '../../openapi/params.ts'
import * as examples from '../../openapi/recording-examples.ts'
import type { Operation } from '../../operation.ts'
import type { HttpDeps } from '../../ports.ts'
import { settle } from '../../settle.ts'
import * as decide from '../../use-cases/change-recording.ts'
import { presentIn, showPresent } from './addressed.ts'

export const updateRecordingOperation: Operation = {
  id: 'updateRecording',
  tag: 'Recordings',
  summary: 'Change a recording',
  description: 'What is sent replaces what was; `null` takes it away.',
  params: recordingPath,
  body: {
    schema: updateRecordingBody,
    example: { name: 'Stand-up', metadata: { room: 'B12' } },
    required: false,
  },
  headers: ['If-Match'],
  replies: {
    200: {
      says: 'The recording as it is then.',
      body: recordingReply,
      example: examples.recording,
      headers: ['ETag', 'Position'],
    },
  },
}

/** PATCH /v1/recordings/{id} */
export const updateRecording = (deps: HttpDeps): Handler<ProjectCall> => {
  const update = decide.updateRecording(deps)
  return async (call) => {
    const command = await readCommand(deps.secrets, call, updateRecordingBody)
    const present = await update(() => presentIn(deps, call), command)
    return { status: 200, ...(await showPresent(deps, call, present)) }
  }
}

export const deleteRecordingOperation: Operation = {
  id: 'deleteRecording',
  tag: 'Recordings',
  summary: 'Delete a recording',
  description: 'For good: its objects are taken away. The log keeps that it was there.',
  params: recordingPath,
  headers: ['If-Match'],
  replies: { 204: { says: 'It is deleted.', headers: ['Position'] } },
}

/** DELETE /v1/recordings/{id}: 204; asked again, 404. */
export const deleteRecording = (deps: HttpDeps): Handler<ProjectCall> => {
  const remove = decide.deleteRecording(deps)
  return async (call) => {
    const ifMatch = parseIfMatch(call.headers['if-match'])
    const present = await presentIn(deps, call)
    const { project, actor, requestId } = call
    const position = await remove(present, { by: { project, actor, requestId }, ifMatch })
    deps.recordings.remove({ project, recording: present.state.recordingId })
    await settle(deps, position)
    return { status: 204, body: '', position }
  }
}

export const assignRecordingOperation: Operation = {
  id: 'assignRecording',
  tag: 'Recordings',
  summary: 'Say whose a recording in quarantine is',
  params: recordingPath,
  body: {
    schema: assignBody,
    example: { end_user_id: 'eu_0LapelVectorEndUser001' },
    required: true,
  },
  headers: ['Idempotency-Key', 'If-Match'],
  replies: {
    200: {
      says: 'The recording, which is theirs.',
      body: recordingReply,
      example: examples.assignedRecording,
      headers: ['ETag', 'Position', 'Idempotent-Replayed'],
    },
  },
  refusals: ['invalid_state'],
}

/** POST /v1/recordings/{id}/assign */
export const assignRecording = (deps: HttpDeps): Handler<ProjectCall> => {
  const assign = decide.assignRecording(deps)
  return async (call) => {
    const command = await readCommand(deps.secrets, call, assignBody)
    const present = await assign(await presentIn(deps, call), command)
    const shown = await showPresent(deps, call, present)
    return { status: 200, ...shown, replayed: present.isReplayed }
  }
}

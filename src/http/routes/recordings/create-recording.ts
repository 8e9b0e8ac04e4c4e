import { createdRecordingReply } from '../../../../protocol/recording-replies.ts'
import { createRecordingBody } from '../../../../protocol/recording-requests.ts'
import type { Handler, ProjectCall } from '../../call.ts'
import { readCommand } from '../../commands.ts'
import * as examples from '../../openapi/recording-examples.ts'
import type { Operation } from '../../operation.ts'
import type { HttpDeps } from '../../ports.ts'
import { createRecording as decide } from '../../use-cases/create-recording.ts'
import { chunkTemplate, isStreaming } from '../../use-cases/upload-url.ts'
import { showPresent } from './addressed.ts'

export const createRecordingOperation: Operation = {
  id: 'createRecording',
  tag: 'Recordings',
  summary: 'Begin a recording',
  description:
    'With a device’s own token its ids are those of the token. With `streaming` it comes in chunks, and the reply says where they are put.',
  body: {
    schema: createRecordingBody,
    example: { end_user_id: 'eu_0LapelVectorEndUser001', name: 'Stand-up', streaming: true },
    required: false,
  },
  headers: ['Idempotency-Key'],
  replies: {
    201: {
      says: 'The new recording.',
      body: createdRecordingReply,
      example: examples.createdRecording,
      headers: ['ETag', 'Position', 'Idempotent-Replayed'],
    },
  },
}

/** POST /v1/recordings */
export const createRecording = (deps: HttpDeps): Handler<ProjectCall> => {
  const create = decide(deps)
  return async (call) => {
    const command = await readCommand(deps.secrets, call, createRecordingBody)
    const present = await create({ ...command, caller: call.caller })
    const shown = await showPresent(deps, call, present)
    const upload = isStreaming(present.state) && chunkTemplate(deps, command.by, present.state)
    const body = { ...shown.body, ...upload }
    return { status: 201, ...shown, body, replayed: present.isReplayed, secret: upload !== false }
  }
}

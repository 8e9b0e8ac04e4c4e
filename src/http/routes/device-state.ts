import { deviceStateReply } from '../../../protocol/replies.ts'
import type { Handler, ProjectCall } from '../call.ts'
import { stateOf } from '../device-parts.ts'
import * as examples from '../openapi/examples.ts'
import type { Operation } from '../operation.ts'
import type { HttpDeps } from '../ports.ts'
import { partOperation, readPart } from './device-part.ts'

export const readStateOperation: Operation = partOperation({
  id: 'readDeviceState',
  summary: 'Read a device’s state',
  says: 'Whether it is online and records, and how full it is.',
  body: deviceStateReply,
  example: examples.deviceState,
})

/** GET /v1/devices/{id}/state (HTTP contract, 2.2). */
export const readState = (deps: HttpDeps): Handler<ProjectCall> => readPart(deps, stateOf)

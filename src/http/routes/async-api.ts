import { z } from 'zod'
import { asyncApiDocument } from '../../../protocol/async-api.ts'
import type { Call, Handler } from '../call.ts'
import type { Operation } from '../operation.ts'

export const asyncApiOperation: Operation = {
  id: 'asyncApi',
  tag: 'Service',
  summary: 'The messages of devices, as AsyncAPI 3.1',
  replies: {
    200: {
      says: 'The document.',
      body: z.looseObject({ asyncapi: z.string(), channels: z.record(z.string(), z.unknown()) }),
      example: { asyncapi: '3.1.0', channels: {} },
      headers: ['ETag'],
    },
  },
}

/** GET /asyncapi.json: made once, of the schemas that validate. */
export const asyncApi = (): Handler<Call> => {
  let document: object | undefined
  return async () => {
    document ??= asyncApiDocument()
    return { status: 200, body: document, resource: { revision: 0, representation: document } }
  }
}

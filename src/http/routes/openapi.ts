import { z } from 'zod'
import type { Call, Handler, Route } from '../call.ts'
import { documentOf } from '../openapi/document.ts'
import type { Operation } from '../operation.ts'

export const openApiOperation: Operation = {
  id: 'openApi',
  tag: 'Service',
  summary: 'This description, as OpenAPI 3.1',
  replies: {
    200: {
      says: 'The document.',
      body: z.looseObject({ openapi: z.string(), paths: z.record(z.string(), z.unknown()) }),
      example: { openapi: '3.1.1', paths: {} },
      headers: ['ETag'],
    },
  },
}

/** GET /openapi.json: made once, of the table of routes. */
export const openApi = (routes: readonly Route[]): Handler<Call> => {
  let document: object | undefined
  return async () => {
    document ??= documentOf(routes)
    return { status: 200, body: document, resource: { revision: 0, representation: document } }
  }
}

import { z } from 'zod'
import type { Call, Handler, Route } from '../call.ts'
import { documentOf } from '../openapi/document.ts'
import { pageOf, pagePolicy } from '../openapi/page.ts'
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

export const docsOperation: Operation = {
  id: 'docs',
  tag: 'Service',
  summary: 'This description, as a page',
  replies: { 200: { says: 'The page.', body: 'text/html' } },
}

/** GET /openapi.json: made once, of the table of routes. */
export const openApi = (routes: readonly Route[]): Handler<Call> => {
  let document: object | undefined
  return async () => {
    document ??= documentOf(routes)
    return { status: 200, body: document, resource: { revision: 0, representation: document } }
  }
}

/** GET /docs: the same as a page, which loads nothing from anywhere. */
export const docs = (routes: readonly Route[]): Handler<Call> => {
  let page: string | undefined
  return async () => {
    page ??= pageOf(documentOf(routes))
    return {
      status: 200,
      body: page,
      type: 'text/html; charset=utf-8',
      headers: { 'Content-Security-Policy': pagePolicy },
    }
  }
}

import { type HttpErrorCode, httpErrors } from '../../../protocol/errors.ts'
import { errorReply, problemReply } from '../../../protocol/replies.ts'
import type { Route } from '../call.ts'
import { type Operation, type ReplyDescription, tags } from '../operation.ts'
import {
  type RequestHeader,
  type ResponseHeader,
  rateHeaders,
  requestHeaders,
  responseHeaders,
} from './headers.ts'
import { createJsonSchemas, type Json, type JsonSchemas } from './json-schemas.ts'
import { headersOfRefusal, refusalsOf } from './refusals.ts'

const placesOf = (place: 'path' | 'query', schema: Json): readonly Json[] => {
  const { properties, required = [] } = schema as { properties: Json; required?: string[] }
  return Object.entries(properties).map(([name, property]) => {
    const { description, examples, ...rest } = property as Json & { examples?: unknown[] }
    return {
      name,
      in: place,
      // What has a default may be left out.
      required: place === 'path' || (required.includes(name) && !('default' in rest)),
      ...(description !== undefined && { description }),
      schema: rest,
      // `metadata[site]=Zurich`
      ...(rest['type'] === 'object' && { style: 'deepObject', explode: true }),
      ...(examples?.[0] !== undefined && { example: examples[0] }),
    }
  })
}

const headerParameter = (name: RequestHeader): Json => {
  const { description, schema, example } = requestHeaders[name]
  return { name, in: 'header', required: false, description, schema, example }
}

const parametersOf = (route: Route, schemas: JsonSchemas): readonly Json[] => {
  const { params, query, headers = [] } = route.operation
  // With the bearer of a node's start every call into a world names it.
  const named = typeof route.access === 'object' ? (['Lapel-Project'] as const) : []
  return [
    ...(params ? placesOf('path', schemas.of(params, 'output')) : []),
    ...(query ? placesOf('query', schemas.of(query, 'output')) : []),
    ...[...headers, ...named].map(headerParameter),
  ]
}

const headersSchema = (names: readonly ResponseHeader[]): Json =>
  Object.fromEntries(
    [...new Set(names)].map((name) => {
      const { description, schema, example, ...rest } = responseHeaders[name]
      return [name, { description, schema, example, ...('always' in rest && { required: true }) }]
    }),
  )

const isScoped = ({ access }: Route): boolean => typeof access === 'object'

const replyOf = (route: Route, reply: ReplyDescription, schemas: JsonSchemas): Json => {
  const { says, body, example, headers = [] } = reply
  const described = ['X-Request-Id', ...headers, ...(isScoped(route) ? rateHeaders : [])] as const
  if (body === undefined) return { description: says, headers: headersSchema(described) }
  const content =
    typeof body === 'string'
      ? { [body]: { schema: { type: 'string' } } }
      : {
          'application/json': { schema: schemas.of(body, 'output'), example },
          ...(reply.lines && { 'application/x-ndjson': { schema: { type: 'string' } } }),
        }
  return {
    description: says,
    headers: headersSchema(described),
    content,
  }
}

const requestId = 'req_0LapelVectorRequest001'

const errorExample = (code: HttpErrorCode): Json => ({
  error: { code, message: httpErrors[code].message, request_id: requestId },
})

const problemExample = (code: HttpErrorCode): Json => {
  const { status, message } = httpErrors[code]
  const about = { type: `urn:lapel:error:${code}`, title: message, status, detail: message }
  return { ...about, code, message, request_id: requestId }
}

const examplesOf = (codes: readonly HttpErrorCode[], make: (code: HttpErrorCode) => Json): Json =>
  Object.fromEntries(codes.map((code) => [code, { value: make(code) }]))

const refusalOf = (
  route: Route,
  [status, codes]: readonly [number, readonly HttpErrorCode[]],
  schemas: JsonSchemas,
): Json => ({
  description: codes.map((code) => `\`${code}\`: ${httpErrors[code].message}`).join('\n\n'),
  headers: headersSchema(['X-Request-Id', ...headersOfRefusal(route, status)]),
  content: {
    'application/json': {
      schema: schemas.of(errorReply, 'output'),
      examples: examplesOf(codes, errorExample),
    },
    'application/problem+json': {
      schema: schemas.of(problemReply, 'output'),
      examples: examplesOf(codes, problemExample),
    },
  },
})

const responsesOf = (route: Route, schemas: JsonSchemas): Json => {
  const { replies, headers = [] } = route.operation
  const notModified = headers.includes('If-None-Match') && {
    304: {
      description: 'It is as the `ETag` says.',
      headers: headersSchema(['X-Request-Id', 'ETag', 'Position', ...rateHeaders]),
    },
  }
  return {
    ...Object.fromEntries(
      [...refusalsOf(route)].map((refusal) => [refusal[0], refusalOf(route, refusal, schemas)]),
    ),
    ...Object.fromEntries(
      Object.entries(replies).map(([status, reply]) => [status, replyOf(route, reply, schemas)]),
    ),
    ...notModified,
  }
}

const securityOf = ({ access }: Route): readonly Json[] => {
  if (access === 'anyone') return []
  if (access === 'operator') return [{}, { metrics: [] }]
  if (access === 'admin') return [{ admin: [] }]
  if (access === 'object-store') return [{ objectStore: [] }]
  // Its token is in the path.
  if (access === 'upload') return []
  const { scope, device, upload } = access
  const key = device === 'only' ? [] : [{ apiKey: [scope] }, { admin: [] }]
  const deviceToken = device === 'never' ? [] : [{ deviceToken: [] }]
  return [...key, ...deviceToken, ...(upload ? [{ uploadToken: [] }] : [])]
}

const bodyOf = (body: NonNullable<Operation['body']>, schemas: JsonSchemas): Json => ({
  required: body.required,
  content: {
    'application/json': { schema: schemas.of(body.schema, 'input'), example: body.example },
  },
})

const bytesBody = {
  required: true,
  content: { 'application/octet-stream': { schema: { type: 'string', format: 'binary' } } },
}

const operationOf = (route: Route, schemas: JsonSchemas): Json => {
  const { id, tag, summary, description, body, takesBytes } = route.operation
  return {
    operationId: id,
    tags: [tag],
    summary,
    ...(description !== undefined && { description }),
    security: securityOf(route),
    parameters: parametersOf(route, schemas),
    ...(body && { requestBody: bodyOf(body, schemas) }),
    ...(takesBytes && { requestBody: bytesBody }),
    responses: responsesOf(route, schemas),
  }
}

const bearer = (description: string): Json => ({ type: 'http', scheme: 'bearer', description })

const securitySchemes = {
  apiKey: bearer('A secret key (`sk_…`) or a restricted one (`rk_…`) that has the scope.'),
  deviceToken: bearer('The device’s own token (`dtok_…`).'),
  uploadToken: bearer('An upload token (`up_…`) of the recording.'),
  objectStore: bearer('The bearer of the object store’s notifications (`S3_EVENTS_TOKEN`).'),
  admin: bearer('The bearer of a node’s start, from its own machine.'),
  metrics: bearer('The bearer for figures, from elsewhere than the node’s own machine.'),
}

/** `/v1/devices/{id}`, as OpenAPI writes a path. */
export const templateOf = ({ path }: Pick<Route, 'path'>): string =>
  path.replace(/:([A-Za-z_]+)/g, '{$1}')

/** OpenAPI 3.1 of the table of routes. */
export const documentOf = (routes: readonly Route[]): Json => {
  const schemas = createJsonSchemas()
  const paths: Record<string, Record<string, unknown>> = {}
  for (const route of routes) {
    const path = templateOf(route)
    paths[path] = { ...paths[path], [route.method.toLowerCase()]: operationOf(route, schemas) }
  }
  return {
    openapi: '3.1.1',
    info: {
      title: 'Lapel',
      version: '1',
      summary: 'Devices, the people they are bound to, and who owned which of them when.',
      license: { name: 'Apache 2.0', identifier: 'Apache-2.0' },
    },
    servers: [{ url: '/', description: 'This node.' }],
    tags: Object.entries(tags).map(([name, description]) => ({ name, description })),
    paths,
    components: { schemas: schemas.named(), securitySchemes },
  }
}

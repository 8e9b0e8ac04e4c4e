import { readFile } from 'node:fs/promises'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { z } from 'zod'
import { routes } from '../../../src/http/app.ts'
import { documentOf, templateOf } from '../../../src/http/openapi/document.ts'
import { createJsonSchemas } from '../../../src/http/openapi/json-schemas.ts'
import {
  document,
  faultsAt,
  faultsOfResponse,
  type Media,
  type Response,
} from '../../support/described.ts'
import { readmeUrl, withRouteList } from './route-list.ts'

const test = suite('OpenAPI')

const entries = Object.entries(document.paths).flatMap(([path, methods]) =>
  Object.entries(methods).map(([method, operation]) => ({ path, method, operation })),
)

test('every route is in it, and nothing else', () => {
  const names = (list: readonly string[]) => [...list].sort()
  assert.equal(
    names(entries.map(({ method, path }) => `${method.toUpperCase()} ${path}`)),
    names(routes.map((route) => `${route.method} ${templateOf(route)}`)),
  )
  const ids = entries.map(({ operation }) => operation.operationId)
  assert.is(new Set(ids).size, ids.length)
})

type Example = { readonly value: unknown; readonly at: readonly string[] }

const ofMedia = (media: Media, at: readonly string[]): readonly Example[] => {
  const shown = media.examples ? Object.values(media.examples) : [{ value: media.example }]
  return shown.map((one) => ({ value: Object(one).value, at: [...at, 'schema'] }))
}

const ofContent = (content: Response['content'] = {}, at: readonly string[]) =>
  Object.entries(content)
    .filter(([type]) => /json$/.test(type) && type !== 'application/x-ndjson')
    .flatMap(([type, media]) => ofMedia(media, [...at, 'content', type]))

const examplesOf = ({ path, method, operation }: (typeof entries)[number]): readonly Example[] => {
  const at = ['paths', path, method]
  return [
    ...ofContent(operation.requestBody?.content, [...at, 'requestBody']),
    ...Object.entries(operation.responses).flatMap(([status, { content }]) =>
      ofContent(content, [...at, 'responses', status]),
    ),
    ...operation.parameters.flatMap(({ example }, i) =>
      example === undefined
        ? []
        : [{ value: example, at: [...at, 'parameters', `${i}`, 'schema'] }],
    ),
  ]
}

test('every example is as its schema says', () => {
  const examples = entries.flatMap(examplesOf)
  assert.ok(examples.length > 100)
  for (const { value, at } of examples) assert.equal(faultsAt(value, ...at), [], at.join(' '))
})

test('every parameter of a path is described', () => {
  for (const { path, operation } of entries) {
    const named = [...path.matchAll(/\{(\w+)\}/g)].map(([, name]) => name)
    const described = operation.parameters.filter((one) => one.in === 'path')
    assert.equal(
      described.map(({ name }) => name),
      named,
      path,
    )
  }
})

test('bites: a schema that says nothing of its form', () => {
  const schemas = createJsonSchemas()
  assert.throws(() => schemas.of(z.object({ a: z.custom() }), 'output'), /custom/)
  const transformed = z.string().transform((text) => text.length)
  assert.throws(() => schemas.of(z.object({ a: transformed }), 'output'), /transform/)
})

test('bites: a response that is not described', () => {
  const seen = (status: number, body: object, headers: Record<string, string> = {}) =>
    faultsOfResponse({
      method: 'GET',
      path: '/health/live',
      status,
      headers: new Headers({
        'x-request-id': 'req_0LapelVectorRequest001',
        'content-type': 'application/json; charset=utf-8',
        ...headers,
      }),
      text: JSON.stringify(body),
    })
  assert.equal(seen(200, { status: 'live' }), [])
  assert.is(seen(200, { status: 'live', more: 1 }).length, 1)
  assert.is(seen(200, {}).length, 1)
  assert.is(seen(200, { status: 'live' }, { position: '1' }).length, 1)
  assert.is(seen(200, { status: 'live' }, { 'content-type': 'text/html' }).length, 1)
  assert.is(seen(202, { status: 'live' }).length, 1)
  assert.is(seen(500, { error: { code: 'forbidden', message: 'm', request_id: 'r' } }).length, 1)
})

test('the README lists every route as it is: else `npm run routes`', async () => {
  const readme = await readFile(readmeUrl, 'utf8')
  assert.is(readme, withRouteList(readme))
})

test('it is the same each time', () => {
  assert.is(JSON.stringify(documentOf(routes)), JSON.stringify(document))
})

test.run()

import { Ajv2020, type ValidateFunction } from 'ajv/dist/2020.js'
import addFormats from 'ajv-formats'
import { routes } from '../../src/http/app.ts'
import { documentOf } from '../../src/http/openapi/document.ts'
import { responseHeaders } from '../../src/http/openapi/headers.ts'

type Node = { readonly [name: string]: unknown }
export type Media = { readonly schema: Node; readonly example?: unknown; readonly examples?: Node }
export type Response = {
  readonly headers?: Readonly<Record<string, { readonly required?: boolean }>>
  readonly content?: Readonly<Record<string, Media>>
}
export type OperationObject = {
  readonly operationId: string
  readonly parameters: readonly (Node & { name: string; in: string; schema: Node })[]
  readonly requestBody?: { readonly required: boolean; readonly content: Record<string, Media> }
  readonly responses: Readonly<Record<string, Response>>
}
type Document = Node & {
  readonly paths: Readonly<Record<string, Readonly<Record<string, OperationObject>>>>
}

export const document = documentOf(routes) as Document

// A reply may gain members for who reads it, but here a member that nobody described is a fault.
const closed = (node: unknown): unknown => {
  if (Array.isArray(node)) return node.map(closed)
  if (typeof node !== 'object' || node === null) return node
  const inner = Object.fromEntries(Object.entries(node).map(([name, at]) => [name, closed(at)]))
  const isObject = typeof inner['properties'] === 'object' && inner['type'] === 'object'
  return isObject && !('additionalProperties' in inner)
    ? { ...inner, additionalProperties: false }
    : inner
}

const ajv = new Ajv2020({ strict: false, allErrors: true, unicodeRegExp: true })
addFormats.default(ajv)
ajv.addSchema(closed(document) as Node, 'openapi')

const validators = new Map<string, ValidateFunction>()

const pointer = (...parts: readonly string[]): string =>
  parts.map((part) => `/${part.replaceAll('~', '~0').replaceAll('/', '~1')}`).join('')

/** What is wrong with a value by the schema that stands there in the document. */
export const faultsAt = (value: unknown, ...parts: readonly string[]): readonly string[] => {
  const ref = `openapi#${encodeURI(pointer(...parts))
    .replaceAll('%7B', '{')
    .replaceAll('%7D', '}')}`
  const validate = validators.get(ref) ?? ajv.compile({ $ref: ref })
  validators.set(ref, validate)
  return validate(value)
    ? []
    : (validate.errors ?? []).map(({ instancePath, message }) => `${instancePath} ${message}`)
}

const patternOf = (template: string): RegExp =>
  new RegExp(`^${template.replace(/[.]/g, '\\.').replace(/\{[^}]+\}/g, '[^/]+')}$`)

const templates = Object.keys(document.paths).map((path) => ({ path, form: patternOf(path) }))

/** The path of the document that a request's path is one of; the one without parameters first. */
export const templateFor = (path: string): string | undefined =>
  templates
    .filter(({ form }) => form.test(path.split('?')[0] ?? ''))
    .map((found) => found.path)
    .sort((a, b) => a.split('{').length - b.split('{').length)[0]

export type Seen = {
  readonly method: string
  /** With its query. */
  readonly path: string
  readonly status: number
  readonly headers: Headers
  readonly text: string
}

const parsed = (text: string): unknown => {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

const codeOf = (body: unknown): string => {
  const { error, code } = Object(body)
  return String(error?.code ?? code)
}

const isUnmatched = (seen: Seen, path: string | undefined): boolean => {
  if (path === undefined) return true
  const method = seen.method === 'HEAD' ? 'get' : seen.method.toLowerCase()
  return !document.paths[path]?.[method]
}

/** What no route takes: 404, 405, the 204 of OPTIONS; and what is no HTTP at all, 400. */
const unmatchedFaults = ({ method, status, text }: Seen): readonly string[] => {
  if (status === 204 && method === 'OPTIONS') return text === '' ? [] : ['a 204 with a body']
  const body = parsed(text)
  const code = { 400: 'invalid_request', 404: 'not_found', 405: 'method_not_allowed' }[status]
  if (code === undefined) return [`status ${status} of a request that no route takes`]
  const faults = faultsAt(body, 'components', 'schemas', 'Error')
  const isProblem = faultsAt(body, 'components', 'schemas', 'Problem').length === 0
  if (method === 'HEAD' || isProblem) return []
  return codeOf(body) === code ? faults : [`code ${codeOf(body)}`]
}

const headerFaults = (
  { headers }: Seen,
  described: Response['headers'] = {},
): readonly string[] => {
  const missing = Object.entries(described)
    .filter(([name, { required }]) => required && !headers.has(name))
    .map(([name]) => `the header ${name} is missing`)
  const extra = Object.keys(responseHeaders)
    .filter((name) => headers.has(name) && !(name in described))
    .map((name) => `the header ${name} is not described`)
  return [...missing, ...extra]
}

const bodyFaults = (seen: Seen, response: Response, at: readonly string[]): readonly string[] => {
  const type = seen.headers.get('content-type')?.split(';')[0] ?? ''
  if (!response.content) return seen.text === '' ? [] : ['a body that is not described']
  const media = response.content[type]
  if (!media) return [`the media type ${type} is not described`]
  if (seen.method === 'HEAD' || media.schema['type'] === 'string') return []
  const body = parsed(seen.text)
  const code = codeOf(body)
  const unknown =
    media.examples && !(code in media.examples) ? [`the code ${code} is not described`] : []
  return [...unknown, ...faultsAt(body, ...at, 'content', type, 'schema')]
}

/** What is wrong with a response by the OpenAPI. */
export const faultsOfResponse = (seen: Seen): readonly string[] => {
  const path = templateFor(seen.path)
  if (path === undefined || isUnmatched(seen, path)) return unmatchedFaults(seen)
  const method = seen.method === 'HEAD' ? 'get' : seen.method.toLowerCase()
  const response = document.paths[path]?.[method]?.responses[seen.status]
  if (!response) return [`the status ${seen.status} is not described`]
  const at = ['paths', path, method, 'responses', `${seen.status}`]
  return [...headerFaults(seen, response.headers), ...bodyFaults(seen, response, at)]
}

/** Throws where the OpenAPI does not describe a response that was seen. */
export const checkDescribed = (seen: Seen): void => {
  const faults = faultsOfResponse(seen)
  if (faults.length === 0) return
  const { method, path, status, text } = seen
  throw new Error(
    `not as described: ${method} ${path} ${status}\n${faults.join('\n')}\n${text.slice(0, 500)}`,
  )
}

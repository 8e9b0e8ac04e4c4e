import { createHash } from 'node:crypto'
import { Html, html, prose } from './html.ts'
import { pageStyle } from './page-style.ts'
import { kindOf, limitsOf, type Schema, schemaTable } from './schema-view.ts'

type Media = {
  readonly schema: Schema
  readonly example?: unknown
  readonly examples?: Readonly<Record<string, { readonly value: unknown }>>
}
type Content = Readonly<Record<string, Media>>
type Response = {
  readonly description: string
  readonly headers?: Readonly<Record<string, { readonly description: string }>>
  readonly content?: Content
}
type Operation = {
  readonly operationId: string
  readonly tags: readonly string[]
  readonly summary: string
  readonly description?: string
  readonly security: readonly Readonly<Record<string, readonly string[]>>[]
  readonly parameters: readonly {
    readonly name: string
    readonly in: string
    readonly required: boolean
    readonly description?: string
    readonly schema: Schema
  }[]
  readonly requestBody?: { readonly required: boolean; readonly content: Content }
  readonly responses: Readonly<Record<string, Response>>
}
/** Our own document, as far as the page reads it. */
type Document = {
  readonly info: { readonly title: string; readonly version: string; readonly summary: string }
  readonly tags: readonly { readonly name: string; readonly description: string }[]
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>
  readonly components: {
    readonly schemas: Readonly<Record<string, Schema>>
    readonly securitySchemes: Readonly<Record<string, { readonly description: string }>>
  }
}
type Line = { readonly method: string; readonly path: string; readonly operation: Operation }

const style = pageStyle.trim()

/** What the page may load: its own style and nothing else. */
export const pagePolicy = [
  "default-src 'none'",
  `style-src 'sha256-${createHash('sha256').update(style).digest('base64')}'`,
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join('; ')

const linesOf = ({ paths }: Document): readonly Line[] =>
  Object.entries(paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]) => ({ method, path, operation })),
  )

const verb = (method: string): Html =>
  html`<span class="verb ${method}">${method.toUpperCase()}</span>`

const pretty = (value: unknown): Html => html`<pre>${JSON.stringify(value, null, 2)}</pre>`

const accessOf = ({ security }: Operation, { components }: Document): Html => {
  if (security.length === 0) return html`<p class="soft">Open to anyone.</p>`
  const ways = security.flatMap((one) => Object.entries(one))
  return html`<h4>Credential</h4><ul>${ways.map(
    ([name, scopes]) =>
      html`<li>${prose(components.securitySchemes[name]?.description)}${scopes.map(
        (scope) => html` Scope <code>${scope}</code>.`,
      )}</li>`,
  )}</ul>`
}

const parametersOf = ({ parameters }: Operation): Html | undefined =>
  parameters.length === 0
    ? undefined
    : html`<h4>Parameters</h4><div class="wide"><table><tbody>${parameters.map(
        (one) =>
          html`<tr><th scope="row"><code>${one.name}</code> <small>${one.in}${
            !one.required && ', optional'
          }</small></th><td>${kindOf(one.schema)}</td><td>${prose(one.description)} ${limitsOf(one.schema)}</td></tr>`,
      )}</tbody></table></div>`

const bodyOf = ({ requestBody }: Operation): Html | undefined => {
  const media = requestBody?.content['application/json']
  if (!requestBody || !media) return undefined
  return html`<h4>Body${!requestBody.required && html` <small>optional</small>`}</h4>
${schemaTable(media.schema)}${pretty(media.example)}`
}

const mediaOf = ([type, media]: readonly [string, Media]): Html => {
  const shown = media.examples
    ? Object.values(media.examples).map(({ value }) => value)
    : [media.example]
  return html`<p class="soft">${type}</p>${schemaTable(media.schema)}${shown
    .filter((value) => value !== undefined)
    .map(pretty)}`
}

const responseOf = ([status, response]: readonly [string, Response]): Html => {
  const headers = Object.entries(response.headers ?? {})
  return html`<details><summary><b>${status}</b> ${prose(response.description)}</summary>
${Object.entries(response.content ?? {}).map(mediaOf)}
<p class="soft">Headers: ${headers.map(([name], i) => html`${i > 0 && ', '}<code>${name}</code>`)}</p></details>`
}

const curlOf = ({ method, path, operation }: Line): string => {
  const body = operation.requestBody?.content['application/json']?.example
  return [
    `curl${method === 'get' ? '' : ` -X ${method.toUpperCase()}`} "$LAPEL${path}"`,
    ...(operation.security.length > 0 ? ['-H "Authorization: Bearer $KEY"'] : []),
    ...(body === undefined ? [] : ['-H "Content-Type: application/json"']),
    ...(body === undefined ? [] : [`-d '${JSON.stringify(body)}'`]),
  ].join(' \\\n  ')
}

const operationOf = (line: Line, document: Document): Html => {
  const { method, path, operation } = line
  return html`<section class="operation" id="${operation.operationId}">
<h3>${verb(method)} <code>${path}</code></h3>
<p>${operation.summary}. ${prose(operation.description)}</p>
${accessOf(operation, document)}${parametersOf(operation)}${bodyOf(operation)}
<h4>Request</h4><pre>${curlOf(line)}</pre>
<h4>Responses</h4>${Object.entries(operation.responses).map(responseOf)}</section>`
}

const withTag = (lines: readonly Line[], tag: string): readonly Line[] =>
  lines.filter(({ operation }) => operation.tags.includes(tag))

const navOf = ({ tags, info }: Document, lines: readonly Line[]): Html =>
  html`<nav aria-label="Routes"><a href="#top"><b>${info.title} ${info.version}</b></a>${tags.map(
    ({ name }) =>
      html`<h2>${name}</h2><ul>${withTag(lines, name).map(
        ({ method, operation }) =>
          html`<li><a href="#${operation.operationId}">${verb(method)} ${operation.summary}</a></li>`,
      )}</ul>`,
  )}</nav>`

/** The page at /docs: the whole document, without a script and without any other address. */
export const pageOf = (described: object): string => {
  const document = described as Document
  const lines = linesOf(document)
  const { info, tags, components } = document
  return html`<!doctype html><html lang="en"><head><meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1"><title>${info.title} API</title>
<style>${new Html(style)}</style></head><body id="top">
${navOf(document, lines)}<main><h1>${info.title} API</h1><p>${info.summary}</p>
<p>As OpenAPI 3.1: <a href="/openapi.json">/openapi.json</a>. Credentials are sent as <code>Authorization: Bearer …</code>, bodies as JSON.</p>
${tags.map(
  ({ name, description }) =>
    html`<h2>${name}</h2><p class="soft">${description}</p>${withTag(lines, name).map((line) => operationOf(line, document))}`,
)}
<h2>Schemas</h2>${Object.entries(components.schemas).map(
    ([name, schema]) =>
      html`<section class="operation" id="schema-${name}"><h3>${name}</h3>${schemaTable(schema)}</section>`,
  )}</main></body></html>
`.toString()
}

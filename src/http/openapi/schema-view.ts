import { type Html, html } from './html.ts'

/** A JSON Schema, as far as the page reads it. */
export type Schema = {
  readonly $ref?: string
  readonly type?: string | readonly string[]
  readonly format?: string
  readonly enum?: readonly unknown[]
  readonly const?: unknown
  readonly default?: unknown
  readonly description?: string
  readonly minimum?: number
  readonly maximum?: number
  readonly minLength?: number
  readonly maxLength?: number
  readonly minItems?: number
  readonly maxItems?: number
  readonly items?: Schema
  readonly anyOf?: readonly Schema[]
  readonly properties?: Readonly<Record<string, Schema>>
  readonly additionalProperties?: boolean | Schema
  readonly required?: readonly string[]
}

const nameOf = (ref: string): string => ref.split('/').at(-1) ?? ref

const listed = (values: readonly unknown[]): Html =>
  html`${values.map((value, i) => html`${i > 0 && ' · '}<code>${JSON.stringify(value)}</code>`)}`

/** The kind of a value in a few words. */
export const kindOf = (schema: Schema): Html => {
  const { $ref, anyOf, items, type, format } = schema
  if ($ref !== undefined) return html`<a href="#schema-${nameOf($ref)}">${nameOf($ref)}</a>`
  if (anyOf) return html`${anyOf.map((one, i) => html`${i > 0 && ' or '}${kindOf(one)}`)}`
  if (schema.const !== undefined) return listed([schema.const])
  if (schema.enum) return listed(schema.enum)
  if (items) return html`list of ${kindOf(items)}`
  const names = typeof type === 'string' ? [type] : (type ?? ['any'])
  return html`${names.join(' or ')}${format !== undefined && ` (${format})`}`
}

const range = (
  unit: string,
  min: number | undefined,
  max: number | undefined,
): readonly string[] => {
  const bounded = max !== undefined && max < Number.MAX_SAFE_INTEGER
  if (min !== undefined && min > Number.MIN_SAFE_INTEGER && bounded)
    return [`${min} to ${max}${unit}`]
  if (bounded) return [`at most ${max}${unit}`]
  return min !== undefined && min > Number.MIN_SAFE_INTEGER ? [`at least ${min}${unit}`] : []
}

/** What a value is held to, in a few words. */
export const limitsOf = (schema: Schema): string =>
  [
    ...range('', schema.minimum, schema.maximum),
    ...range(' characters', schema.minLength, schema.maxLength),
    ...range(' items', schema.minItems, schema.maxItems),
    ...(schema.default === undefined ? [] : [`default ${JSON.stringify(schema.default)}`]),
  ].join(', ')

const innerOf = (schema: Schema): Schema | undefined => {
  if (schema.properties) return schema
  if (schema.items) return innerOf(schema.items)
  return schema.anyOf?.map(innerOf).find((inner) => inner !== undefined)
}

const rowsOf = (schema: Schema, prefix: string): readonly Html[] =>
  Object.entries(schema.properties ?? {}).flatMap(([name, member]) => {
    const inner = innerOf(member)
    const isRequired = schema.required?.includes(name) ?? false
    return [
      html`<tr><th scope="row"><code>${prefix}${name}</code>${!isRequired && html` <small>optional</small>`}</th>
<td>${kindOf(member)}</td><td>${limitsOf(member)}</td></tr>`,
      ...(inner ? rowsOf(inner, `${prefix}${name}.`) : []),
    ]
  })

/** The members of an object as a table; of anything else its kind. */
export const schemaTable = (schema: Schema): Html => {
  const inner = schema.$ref === undefined ? innerOf(schema) : undefined
  if (!inner) return html`<p>${kindOf(schema)}</p>`
  const rows = rowsOf(inner, '')
  return rows.length === 0
    ? html`<p>An object without members of its own.</p>`
    : html`<div class="wide"><table><thead><tr><th>Member</th><th>Kind</th><th>Limits</th></tr></thead><tbody>${rows}</tbody></table></div>`
}

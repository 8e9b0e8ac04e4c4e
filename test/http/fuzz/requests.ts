import fc from 'fast-check'
import type { Ids } from '../requests-of.ts'
import { type Described, described } from '../requests-of.ts'
import { rightValue, type Schema, spoilt, wild } from './values.ts'

export type Credential = 'key' | 'restricted' | 'token' | 'admin' | 'garbage' | 'none'
export type FuzzedRequest = {
  readonly of: string
  readonly method: string
  readonly path: string
  readonly credential: Credential
  readonly headers: Readonly<Record<string, string>>
  readonly body: string | Uint8Array | undefined
}
/** Things there are, to be named in paths, bodies and queries. */
export type Stock = { readonly ids: readonly Ids[]; readonly positions: readonly string[] }

const wildText = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 40 }),
  fc.constantFrom('', '0', '-1', '1e9', '99999999999999999999', 'a\u0000b', '%', '🙂'),
  wild.map((value) => JSON.stringify(value) ?? ''),
)

/** Names that an object has of itself, or that break out of brackets. */
const wildName = fc.oneof(
  fc.constantFrom('__proto__', 'constructor', 'prototype', 'toString', '', 'a][b', 'a[b', ']'),
  wildText,
)

const segment = (stock: Stock, prefix: keyof Ids): fc.Arbitrary<string> =>
  fc.oneof(
    { weight: 6, arbitrary: fc.constantFrom(...stock.ids.map((ids) => ids[prefix])) },
    { weight: 1, arbitrary: fc.constantFrom('me', `${prefix}${'0'.repeat(22)}`, '%E0%A4%A', '..') },
    { weight: 1, arbitrary: wildText.map((text) => encodeURIComponent(text.toWellFormed())) },
  )

type Pair = { readonly name: string; readonly value: string }

/** A member that is an object is written as one pair for each of its own: `metadata[site]=Zurich`. */
const pairOf = (name: string, value: unknown): Pair => {
  if (typeof value !== 'object' || value === null) return { name, value: String(value) }
  const [inner = ['', '']] = Object.entries(value)
  return { name: `${name}[${inner[0]}]`, value: String(inner[1]) }
}

const queryOf = ({ operation }: Described, stock: Stock): fc.Arbitrary<string> => {
  const known = operation.parameters.filter((one) => one.in === 'query')
  const pair = fc.oneof(
    ...known.map(({ name, schema }) =>
      fc.oneof(rightValue(schema as Schema), wildText).map((value) => pairOf(name, value)),
    ),
    fc.constantFrom(...stock.ids).map(({ eu_ }) => ({ name: 'end_user_id', value: eu_ })),
    fc.tuple(wildText, wildText).map(([name, value]) => ({ name, value })),
    fc
      .tuple(fc.constantFrom(...known.map(({ name }) => name), 'metadata'), wildName, wildText)
      .map(([name, inner, value]) => ({ name: `${name}[${inner}]`, value })),
  )
  const encoded = ({ name, value }: Pair): string =>
    `${encodeURIComponent(name.toWellFormed())}=${encodeURIComponent(value.toWellFormed())}`
  return fc
    .array(pair, { maxLength: 3 })
    .map((pairs) => (pairs.length === 0 ? '' : `?${pairs.map(encoded).join('&')}`))
}

const headerText = fc.string({
  unit: fc.integer({ min: 0x20, max: 0x7e }).map((code) => String.fromCharCode(code)),
  maxLength: 60,
})
const accepts = ['application/json', 'application/problem+json', '*/*', 'text/html;q=0.1', '']

// A position that is not reached is waited for: rarely asked, or the run would do little else.
const headersOf = ({ operation }: Described, stock: Stock): fc.Arbitrary<Record<string, string>> =>
  fc
    .record(
      Object.fromEntries([
        ...operation.parameters
          .filter((one) => one.in === 'header' && one.name !== 'Lapel-Project')
          .map(({ name, example }) => [
            name,
            name === 'Min-Position'
              ? fc.constantFrom(...stock.positions, '0', 'x', '-1', '1e3')
              : fc.oneof(fc.constant(String(example)), headerText),
          ]),
        ['Accept', fc.oneof(fc.constantFrom(...accepts), headerText)],
        ['Accept-Encoding', fc.constantFrom('gzip', 'identity', '*;q=0')],
        ['X-Forwarded-For', headerText],
      ]),
      { requiredKeys: [] },
    )
    .map((headers) =>
      Object.fromEntries(
        Object.entries(headers).map(([name, value]) => [name, String(value).trim()]),
      ),
    )

const junk = fc.oneof(
  fc.uint8Array({ maxLength: 60 }),
  fc.constantFrom('{', '[]', 'null', '{"a":1,"a":2}', '{"__proto__":{}}', '"\\ud800"', '[1e999]'),
)

const withIds = (value: unknown, ids: Ids): unknown =>
  typeof value === 'object' && value !== null && 'end_user_id' in value
    ? { ...value, end_user_id: ids.eu_ }
    : value

const bodyOf = ({ operation }: Described, stock: Stock): fc.Arbitrary<FuzzedRequest['body']> => {
  const schema = operation.requestBody?.content['application/json']?.schema as Schema | undefined
  const text = (value: unknown): string => JSON.stringify(value) ?? 'null'
  if (!schema) return fc.oneof({ weight: 5, arbitrary: fc.constant(undefined) }, junk)
  return fc.oneof(
    {
      weight: 4,
      arbitrary: fc
        .tuple(rightValue(schema), fc.constantFrom(...stock.ids))
        .map(([value, ids]) => text(withIds(value, ids))),
    },
    { weight: 4, arbitrary: spoilt(schema).map(text) },
    { weight: 1, arbitrary: wild.map(text) },
    { weight: 1, arbitrary: junk },
    { weight: 1, arbitrary: fc.constant(undefined) },
  )
}

const credentials = fc.oneof(
  { weight: 8, arbitrary: fc.constant<Credential>('key') },
  { weight: 3, arbitrary: fc.constant<Credential>('token') },
  { weight: 4, arbitrary: fc.constant<Credential>('admin') },
  {
    weight: 2,
    arbitrary: fc.constantFrom<Credential>('restricted', 'garbage', 'none'),
  },
)

const requestTo = (one: Described, stock: Stock): fc.Arbitrary<FuzzedRequest> => {
  const methods = ['HEAD', 'OPTIONS', 'PUT', 'DELETE', 'PATCH', 'POST', 'GET'] as const
  return fc
    .record({
      method: fc.oneof(
        { weight: 20, arbitrary: fc.constant(one.route.method) },
        { weight: 1, arbitrary: fc.constantFrom(...methods) },
      ),
      ids: fc.tuple(...one.pathIds.map((prefix) => segment(stock, prefix))),
      query: queryOf(one, stock),
      headers: headersOf(one, stock),
      body: bodyOf(one, stock),
      credential: credentials,
    })
    .map(({ method, ids, query, headers, body, credential }) => {
      const path = ids.reduce<string>((text, id) => text.replace(/:\w+/, () => id), one.route.path)
      const hasBody = method !== 'GET' && method !== 'HEAD'
      const rest = { headers, body: hasBody ? body : undefined, credential }
      return { of: one.name, method, path: `${path}${query}`, ...rest }
    })
}

/** Requests to every route; a rebuild folds all that there is, and is asked for less often. */
export const requests = (stock: Stock): fc.Arbitrary<FuzzedRequest> =>
  fc.oneof(
    ...described.map((one) => ({
      weight: one.operation.operationId === 'rebuild' ? 1 : 20,
      arbitrary: requestTo(one, stock),
    })),
  )

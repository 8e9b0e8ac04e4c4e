import { readFile } from 'node:fs/promises'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { type HttpErrorCode, httpErrors } from '../../protocol/errors.ts'
import { parseId } from '../../protocol/ids.ts'
import { bodyBytesMax } from '../../protocol/limits.ts'
import { errorReply, problemReply } from '../../protocol/replies.ts'
import { errorBody, Problem } from '../../src/http/problems.ts'
import { type Answer, callAt, customerOf, type Sent, serve } from './served.ts'

const test = suite('errors over HTTP')
const served = await serve()
const { call } = served
const { key, register, person, bound } = await customerOf(served)
const device = await bound()
const retired = await register()
await call(key, `DELETE /v1/devices/${retired}`)
await person({ external_id: 'taken' })
const made = await call(key, 'POST /v1/api-keys', { body: { scopes: ['audit:read'] } })
const narrow = String(made.body['key'])
await call(key, 'POST /v1/devices', {
  body: { serial_number: 'IDEM', model: 'bota_pin' },
  headers: { 'idempotency-key': 'used' },
})

const limited = await served.beside({ rates: { key: 1, device: 0, project: 0 } })
const broken = await served.beside({
  ledger: { ...served.deps.ledger, history: () => Promise.reject(new Error('unforeseen')) },
})
const blind = await served.beside({
  auth: { ...served.deps.auth, key: async () => ({ kind: 'not-now' }) },
})

type Case = readonly [by: string | null, route: string, sent?: Sent, url?: string]
const id = device.id
const end_user_id = device.person

/** One request that is refused with each code. */
const cases: Readonly<Partial<Record<HttpErrorCode, Case>>> = {
  invalid_request: [key, 'POST /v1/devices', { raw: '{"a":1,"a":2}' }],
  unauthorized: [null, 'GET /v1/devices'],
  insufficient_scope: [narrow, 'GET /v1/devices'],
  forbidden: [device.token, 'GET /v1/devices'],
  not_found: [key, 'GET /v1/devices/none'],
  method_not_allowed: [key, 'PUT /v1/devices'],
  device_already_bound: [key, `POST /v1/devices/${id}/bind`, { body: { end_user_id } }],
  resource_already_exists: [key, 'POST /v1/end-users', { body: { external_id: 'taken' } }],
  invalid_state: [key, `POST /v1/devices/${retired}/bind`, { body: { end_user_id } }],
  idempotency_mismatch: [
    key,
    'POST /v1/devices',
    {
      body: { serial_number: 'OTHER', model: 'bota_pin' },
      headers: { 'idempotency-key': 'used' },
    },
  ],
  precondition_failed: [
    key,
    `PATCH /v1/devices/${id}`,
    { body: { name: 'A' }, headers: { 'if-match': '"0"' } },
  ],
  payload_too_large: [key, 'POST /v1/devices', { raw: `"${'x'.repeat(bodyBytesMax)}"` }],
  unsupported_media_type: [
    key,
    'POST /v1/devices',
    { raw: '{}', headers: { 'content-type': 'text/plain' } },
  ],
  validation_failed: [key, 'GET /v1/devices?limit=0'],
  rate_limit_exceeded: [key, 'GET /v1/devices', {}, limited.url],
  internal_error: [key, `GET /v1/devices/${id}/owner`, {}, broken.url],
  unavailable: [key, 'GET /v1/devices', {}, blind.url],
  projection_behind: [
    key,
    `GET /v1/devices/${id}`,
    { headers: { 'min-position': '9000000000000000000' } },
  ],
}
// What is missing above no route answers with yet; its bytes are made as all others are.
const unasked: readonly HttpErrorCode[] = ['chunk_count_mismatch']

const codes = Object.keys(httpErrors) as HttpErrorCode[]

test('every code has its case', () => {
  assert.equal([...Object.keys(cases), ...unasked].sort(), [...codes].sort())
})

const ask = async ([by, route, sent = {}, url = served.url]: Case, more = {}): Promise<Answer> => {
  const once = () => callAt(url)(by, route, { ...sent, headers: { ...sent.headers, ...more } })
  // The burst of a key that is limited to one a second is two.
  let answer = await once()
  for (let n = 0; n < 3 && url === limited.url && answer.status === 200; n += 1)
    answer = await once()
  return answer
}

for (const [code, one] of Object.entries(cases))
  test(`${code}: in the envelope, and as problem details for who accepts them`, async () => {
    const { status } = httpErrors[code as HttpErrorCode]
    const plain = await ask(one)
    const { error } = errorReply.parse(plain.body)
    assert.equal([plain.status, error.code], [status, code])
    assert.is(parseId('req_', error.request_id), plain.headers.get('x-request-id'))
    const detailed = await ask(one, { accept: 'application/problem+json' })
    assert.match(detailed.headers.get('content-type') ?? '', /^application\/problem\+json/)
    const problem = problemReply.parse(detailed.body)
    assert.equal(
      [detailed.status, problem.status, problem.code, problem.type],
      [status, status, code, `urn:lapel:error:${code}`],
    )
    assert.is(problem.request_id, detailed.headers.get('x-request-id'))
    const retry = status === 429 || status === 503
    assert.is(plain.headers.has('retry-after'), retry)
  })

test('what no route answers with yet has the same form', () => {
  const requestId = parseId('req_', `req_${'0'.repeat(22)}`)
  assert.ok(requestId)
  for (const code of unasked) {
    const { text } = errorBody(new Problem(code), requestId, undefined)
    assert.is(errorReply.parse(JSON.parse(text)).error.code, code)
  }
})

test('the docs have a line for each, in the order of the list', async () => {
  const docs = await readFile(new URL('../../docs/errors.md', import.meta.url), 'utf8')
  const lines = [...docs.matchAll(/^\| `([a-z_]+)` \| (\d{3}) \| .{10,} \| .{5,} \|$/gm)]
  assert.equal(
    lines.map(([, code, status]) => [code, Number(status)]),
    codes.map((code) => [code, httpErrors[code].status]),
  )
})

test.after(async () => {
  for (const { http } of [limited, broken, blind]) await http.close()
  await served.end()
})
test.run()

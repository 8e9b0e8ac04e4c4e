import { connect } from 'node:net'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { routes } from '../../src/http/app.ts'
import { until } from '../support/until.ts'
import { codeOf, customerOf, errorOf, serve } from './served.ts'

const test = suite('the boundary of HTTP')
const served = await serve()
const { call, http } = served
const { key, ask, register } = await customerOf(served)

/** What comes back for bytes that are sent as they are. */
const raw = (bytes: string, untilClosed = true): Promise<string> =>
  new Promise((resolve, reject) => {
    const socket = connect(http.port, '127.0.0.1', () => socket.write(bytes))
    let text = ''
    socket.setEncoding('utf8').on('data', (chunk: string) => {
      text += chunk
      if (!untilClosed) socket.end()
    })
    socket.on('close', () => resolve(text)).on('error', reject)
  })

test('every answer carries an id of ours, and an error names it', async () => {
  const answer = await ask('GET /v1/nothing', { headers: { 'x-request-id': 'theirs' } })
  const id = answer.headers.get('x-request-id') ?? ''
  assert.match(id, /^req_[0-9A-Za-z]{22}$/)
  assert.equal(
    [answer.status, errorOf(answer).code, errorOf(answer).request_id],
    [404, 'not_found', id],
  )
})

test('problem details for who accepts them', async () => {
  for (const [accept, problem] of [
    ['application/problem+json', true],
    ['application/json, application/problem+json;q=0.5', true],
    ['application/problem+json;q=0', false],
    ['*/*', false],
  ] as const) {
    const answer = await ask('POST /v1/devices', { body: {}, headers: { accept } })
    const type = answer.headers.get('content-type') ?? ''
    assert.is(type.startsWith('application/problem+json'), problem, accept)
    if (!problem) continue
    const { request_id, details, ...rest } = answer.body
    assert.equal(rest, {
      type: 'urn:lapel:error:validation_failed',
      title: 'The request has invalid values.',
      status: 422,
      detail: 'The request has invalid values.',
      code: 'validation_failed',
      message: 'The request has invalid values.',
      param: (details as { field: string }[])[0]?.field,
    })
    assert.match(String(request_id), /^req_/)
  }
})

test('a method that a resource does not know is 405, with those it does', async () => {
  const answer = await ask('DELETE /v1/devices')
  assert.equal([answer.status, codeOf(answer)], [405, 'method_not_allowed'])
  assert.is(answer.headers.get('allow'), 'GET, HEAD, OPTIONS, POST')
  const person = await ask('DELETE /v1/end-users/eu_1')
  assert.equal([person.status, person.headers.get('allow')], [405, 'GET, HEAD, OPTIONS, PATCH'])
})

test('OPTIONS and HEAD', async () => {
  const options = await call(null, 'OPTIONS /v1/devices')
  assert.equal(
    [
      options.status,
      options.headers.get('allow'),
      options.headers.get('access-control-allow-origin'),
    ],
    [204, 'GET, HEAD, OPTIONS, POST', null],
  )
  const id = await register()
  const [get, head] = [await ask(`GET /v1/devices/${id}`), await ask(`HEAD /v1/devices/${id}`)]
  assert.equal([head.status, head.body], [200, { text: '' }])
  for (const name of ['etag', 'content-length', 'content-type'])
    assert.is(head.headers.get(name), get.headers.get(name))
  assert.is((await call(null, `HEAD /v1/devices/${id}`)).status, 401)
})

test('health needs no credential; metrics needs this machine or its bearer', async () => {
  assert.is((await call(null, 'GET /health/live')).status, 200)
  assert.is((await call(null, 'GET /health/ready')).body['status'], 'ready')
  const here = await call(null, 'GET /metrics')
  assert.equal([here.status, here.body], [200, { text: '# metrics\n' }])
  const proxied = { 'x-forwarded-for': '203.0.113.9' }
  assert.is((await call(null, 'GET /metrics', { headers: proxied })).status, 404)
  assert.is((await call('metrics-bearer', 'GET /metrics', { headers: proxied })).status, 200)
})

test('the bearer of this start opens nothing to who comes through a proxy', async () => {
  const headers = { 'x-forwarded-for': '203.0.113.9' }
  assert.is((await call(served.admin, 'GET /internal/projects', { headers })).status, 401)
  assert.is((await call(`${served.admin}x`, 'GET /internal/projects')).status, 401)
  assert.is((await call(key, 'GET /internal/projects')).status, 403)
})

test('what is no HTTP gets the contract’s error', async () => {
  for (const bytes of ['NONSENSE\r\n\r\n', `GET / HTTP/1.1\r\nX: ${'x'.repeat(20_000)}\r\n\r\n`]) {
    const answer = await raw(bytes)
    assert.match(answer, /^HTTP\/1\.1 400 /)
    assert.match(answer, /"code":"invalid_request"/)
    assert.match(answer, /X-Request-Id: req_/)
  }
})

test('who waits for leave to send a body gets the refusal instead', async () => {
  const head = (credential: string, length: number) =>
    `POST /v1/end-users HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${credential}\r\nConnection: close\r\n` +
    `Content-Type: application/json\r\nContent-Length: ${length}\r\nExpect: 100-continue\r\n\r\n`
  assert.match(await raw(head('garbage', 10), false), /^HTTP\/1\.1 401 /)
  assert.match(await raw(head(key, 10_000_000), false), /^HTTP\/1\.1 413 /)
  assert.match(await raw(head(key, 2), false), /^HTTP\/1\.1 100 Continue/)
})

test('the table lists every route once, and answers each of them', async () => {
  const names = routes.map(({ method, path }) => `${method} ${path}`)
  assert.is(new Set(names).size, names.length)
  for (const { method, path, access } of routes) {
    const answer = await call(null, `${method} ${path.replace(':id', 'x')}`)
    const isOpen = access === 'anyone' || access === 'operator'
    assert.is(answer.status, isOpen ? 200 : 401, path)
  }
})

test('what nobody foresaw says nothing of itself and goes to the log', async () => {
  const failing = await served.beside({
    health: () => {
      throw new Error('the secret of the house')
    },
  })
  const answer = await failing.call(null, 'GET /health/ready')
  assert.equal([answer.status, codeOf(answer)], [500, 'internal_error'])
  assert.not.match(JSON.stringify(answer.body), /secret/)
  const [line] = served.lines.filter(({ level }) => level === 'error')
  const fields = { ...line?.fields } as { err?: Error; requestId?: string }
  assert.match(String(fields.err), /secret of the house/)
  assert.is(fields.requestId, errorOf(answer).request_id)
  await failing.http.close()
})

test('a stop answers what is in flight and closes the rest', async () => {
  let answerNow = () => {}
  const waiting = new Promise<void>((resolve) => {
    answerNow = resolve
  })
  const slow = await served.beside({
    health: async () => {
      await waiting
      return { status: 'ready', node: 'n', version: 'v', checks: {} }
    },
  })
  const idle = connect(slow.http.port, '127.0.0.1')
  const idleClosed = new Promise((resolve) => idle.once('close', resolve))
  const inFlight = slow.call(null, 'GET /health/ready')
  await until(() => slow.http.inFlight() === 1, { what: 'a request in flight' })
  const closed = slow.http.close()
  await idleClosed
  const refused = await fetch(`${slow.url}/health/live`).catch((error: unknown) => error)
  assert.instance(refused, TypeError)
  answerNow()
  const answer = await inFlight
  assert.equal([answer.status, answer.headers.get('connection')], [200, 'close'])
  await closed
})

test.after(served.end)
test.run()

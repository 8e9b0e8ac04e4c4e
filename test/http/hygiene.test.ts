import { connect } from 'node:net'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { described, prepare } from './requests-of.ts'
import { codeOf, customerOf, serve } from './served.ts'

const test = suite('hygiene of HTTP')
const served = await serve()
const { call } = served
const { key, bound } = await customerOf(served)
const { id, person } = await bound()
const ids = { dev_: id, eu_: person, key_: 'key_000000000000', rec_: `rec_${'0'.repeat(22)}` }

const methods = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE'] as const
const hardening = {
  'x-content-type-options': 'nosniff',
  'cross-origin-resource-policy': 'same-origin',
  'referrer-policy': 'no-referrer',
}

const pathsWithMethods = new Map<string, Set<string>>()
for (const one of described) {
  const path = prepare(one, { path: ids }).route.split(' ')[1] ?? ''
  const known = pathsWithMethods.get(path) ?? new Set()
  known.add(one.route.method)
  if (one.route.method === 'GET') known.add('HEAD')
  pathsWithMethods.set(path, known)
}

test('OPTIONS says what a path takes, without a credential and to no other origin', async () => {
  const headers = { origin: 'https://evil.example', 'access-control-request-method': 'POST' }
  for (const [path, known] of pathsWithMethods) {
    const answer = await call(null, `OPTIONS ${path}`, { headers })
    assert.is(answer.status, 204, path)
    assert.is(answer.headers.get('allow'), [...known, 'OPTIONS'].sort().join(', '), path)
    const cors = [...answer.headers.keys()].filter((name) => name.startsWith('access-control-'))
    assert.equal(cors, [])
  }
})

test('a method that a path does not take is 405, whoever asks', async () => {
  for (const [path, known] of pathsWithMethods)
    for (const method of methods.filter((one) => !known.has(one)))
      for (const credential of [null, key]) {
        const answer = await call(credential, `${method} ${path}`)
        assert.is(answer.status, 405, `${method} ${path}`)
        assert.is(answer.headers.get('allow'), [...known, 'OPTIONS'].sort().join(', '))
        if (method !== 'HEAD') assert.is(codeOf(answer), 'method_not_allowed')
      }
})

test('a path that there is not is 404 in the same bytes, whatever is sent and whoever asks', async () => {
  const seen = new Set<string>()
  for (const path of [
    '/',
    '/v1',
    '/v1/devices/',
    '/V1/devices',
    '/v2/devices',
    '/internal',
    '/docs/',
  ])
    for (const method of methods.filter((one) => one !== 'HEAD'))
      for (const credential of [null, 'garbage', key]) {
        const answer = await call(credential, `${method} ${path}`)
        assert.is(answer.status, 404, `${method} ${path}`)
        seen.add(JSON.stringify(answer.body).replace(/req_\w+/, ''))
      }
  assert.is(seen.size, 1)
})

test('what no route takes counts too, where the credential tells whose it is', async () => {
  const limited = await served.beside({ rates: { key: 1_000, device: 0, project: 0 } })
  const names = ['ratelimit', 'ratelimit-policy', 'x-ratelimit-limit', 'x-ratelimit-remaining']
  for (const route of ['GET /v1/nothing', 'PUT /v1/devices', `POST /v1/devices/${id}`]) {
    const known = await limited.call(key, route)
    for (const name of names) assert.ok(known.headers.has(name), `${route} ${name}`)
    for (const credential of [null, 'garbage']) {
      const unknown = await limited.call(credential, route)
      assert.is(unknown.status, known.status)
      for (const name of names) assert.not(unknown.headers.has(name), `${route} ${name}`)
    }
  }
  await limited.http.close()
})

test('every answer is for who asked and for nobody’s page', async () => {
  for (const [credential, route] of [
    [null, 'GET /health/live'],
    [null, 'GET /docs'],
    [key, `GET /v1/devices/${id}`],
    [key, 'GET /v1/devices'],
    [null, 'GET /v1/devices'],
    [key, 'GET /nothing'],
    [key, 'PUT /v1/devices'],
  ] as const) {
    const headers = { origin: 'https://evil.example' }
    const answer = await call(credential, route, { headers })
    for (const [name, value] of Object.entries(hardening))
      assert.is(answer.headers.get(name), value, `${route} ${name}`)
    assert.match(answer.headers.get('content-security-policy') ?? '', /default-src 'none'/)
    assert.match(answer.headers.get('cache-control') ?? '', /no-store|private, no-cache/)
    assert.is(answer.headers.get('access-control-allow-origin'), null)
    assert.is(answer.headers.get('x-powered-by'), null)
    assert.is(answer.headers.get('server'), null)
  }
})

test('HEAD is GET without its body', async () => {
  for (const one of described.filter(({ route }) => route.method === 'GET')) {
    const path = prepare(one, { path: ids }).route.split(' ')[1] ?? ''
    const credential = one.route.access === 'admin' ? served.admin : key
    const [get, head] = [
      await call(credential, `GET ${path}`),
      await call(credential, `HEAD ${path}`),
    ]
    assert.is(head.status, get.status, path)
    assert.equal(head.body, { text: '' })
    for (const name of ['content-type', 'etag', 'content-encoding', 'cache-control'])
      assert.is(head.headers.get(name), get.headers.get(name), `${path} ${name}`)
  }
})

/** What comes back before the socket closes, for bytes of which the last come one by one. */
const drip = (port: number, head: string, everyMs: number): Promise<{ text: string; ms: number }> =>
  new Promise((resolve) => {
    const started = performance.now()
    const socket = connect(port, '127.0.0.1', () => socket.write(head))
    const drops = setInterval(() => socket.write('a'), everyMs)
    let text = ''
    socket.setEncoding('utf8').on('data', (chunk: string) => {
      text += chunk
    })
    socket.on('error', () => {})
    socket.on('close', () => {
      clearInterval(drops)
      resolve({ text, ms: performance.now() - started })
    })
  })

test('headers and bodies that come too slowly are cut off, and nothing of them is done', async () => {
  const slow = await served.beside({}, { headersMs: 1_000, requestMs: 1_500 })
  const headers = `GET /v1/devices HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${key}\r\nX: `
  const body =
    `POST /v1/devices HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${key}\r\n` +
    'Content-Type: application/json\r\nContent-Length: 100\r\n\r\n{"serial_number":"'
  const before = (await call(key, 'GET /v1/devices')).body['data']
  for (const { text, ms } of await Promise.all([
    drip(slow.http.port, headers, 100),
    drip(slow.http.port, body, 100),
  ])) {
    assert.match(text, /^HTTP\/1\.1 400 [\s\S]*"code":"invalid_request"/)
    assert.ok(ms < 6_000, `${ms} ms`)
  }
  assert.equal((await call(key, 'GET /v1/devices')).body['data'], before)
  await slow.http.close()
})

test.after(served.end)
test.run()

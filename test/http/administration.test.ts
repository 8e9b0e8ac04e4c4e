import { randomBytes } from 'node:crypto'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { apiKeyReply, projectReply } from '../../protocol/replies.ts'
import { scopes } from '../../protocol/scopes.ts'
import { create, project } from '../../src/domain/project.ts'
import { worldsUnder } from '../../src/http/use-cases/create-project.ts'
import { bodyOf, idemOf, worldlessKey } from '../../src/store/keyed.ts'
import { seal } from '../../src/store/seal.ts'
import { projectStream } from '../../src/store/streams.ts'
import { until } from '../support/until.ts'
import { type Answer, codeOf, errorOf, serve } from './served.ts'

const test = suite('administration over HTTP')
const served = await serve()
const { call, admin } = served
const worlds = await served.newProject()
const inProject = (project: string) => ({ 'lapel-project': project })
const make = (body: object, project = worlds.test, more: object = {}): Promise<Answer> =>
  call(admin, 'POST /internal/api-keys', { body, headers: { ...inProject(project), ...more } })

test('a project is two worlds', async () => {
  const made = await call(admin, 'POST /internal/projects', { body: { name: 'Second' } })
  assert.is(made.status, 201)
  const project = projectReply.parse(made.body)
  const list = await call(admin, 'GET /internal/projects')
  assert.equal((list.body['data'] as object[]).at(-1), project)
  assert.is((await call(admin, 'POST /internal/projects', { body: {} })).status, 422)
})

test('a project that is asked for again is the same, however often and at once', async () => {
  const create = (name: string, key = 'acme') =>
    call(admin, 'POST /internal/projects', { body: { name }, headers: { 'idempotency-key': key } })
  const count = async () =>
    ((await call(admin, 'GET /internal/projects')).body['data'] as object[]).length
  const before = await count()
  const [first, ...twins] = await Promise.all(Array.from({ length: 4 }, () => create('Acme')))
  const late = await create('Acme')
  for (const again of [...twins, late]) assert.equal([again.status, again.body], [201, first?.body])
  assert.is(late.headers.get('idempotent-replayed'), 'true')
  assert.is(await count(), before + 1)
  const other = await create('Another')
  assert.equal([other.status, codeOf(other)], [409, 'idempotency_mismatch'])
  assert.is.not((await create('Acme', 'another')).body['id_live'], first?.body['id_live'])
  assert.equal(errorOf(await create('Acme', 'a b')).param, 'Idempotency-Key')
})

test('a project of which one world was made is completed by its repeat', async () => {
  const { stage } = served
  const key = worldlessKey(stage.secrets)
  const ids = worldsUnder(key, 'cut-off')
  const body = { name: 'Half' }
  const idem = {
    key: idemOf(key, 'cut-off'),
    body: bodyOf(key, 'POST', '/internal/projects', body),
  }
  const sealed = seal(body, await stage.vault.keyFor(ids.live, ids.live), randomBytes)
  const args = { mode: 'live', twin: ids.test, sealed } as const
  const by = { project: ids.live, actor: 'cli', requestId: null, idem } as const
  await stage.ledger.transact(projectStream(ids.live), project, () => create(args), by)
  const headers = { 'idempotency-key': 'cut-off' }
  for (const replayed of [null, 'true']) {
    const made = await call(admin, 'POST /internal/projects', { body, headers })
    assert.equal(
      [made.status, made.body['id_test'], made.headers.get('idempotent-replayed')],
      [201, ids.test, replayed],
    )
    assert.is((await make({ mode: 'test' }, ids.live)).status, 201)
  }
})

test('a key works when its creation answers, in its own world', async () => {
  for (const mode of ['live', 'test'] as const) {
    const made = await make({ mode, name: 'Backend' })
    assert.equal([made.status, made.headers.get('cache-control')], [201, 'no-store'])
    const { key, ...record } = apiKeyReply.parse(made.body)
    assert.match(String(key), new RegExp(`^sk_${mode}_[0-9A-Za-z]{50}$`))
    assert.equal(
      [record.mode, record.project_id, record.name, record.kind, record.status],
      [mode, worlds[mode], 'Backend', 'secret', 'active'],
    )
    assert.equal(record.scopes, [...scopes])
    assert.is(record.hint, `sk_${mode}_…${String(key).slice(-4)}`)
    assert.is((await call(String(key), 'GET /v1/devices')).status, 200)
  }
  const list = await call(admin, 'GET /internal/api-keys', { headers: inProject(worlds.live) })
  const data = list.body['data'] as { mode: string; key?: string }[]
  assert.equal(data.map(({ mode }) => mode).sort(), ['live', 'test'])
  assert.not.match(JSON.stringify(data), /[sr]k_(test|live)_[0-9A-Za-z]{50}|hmac/)
})

test('a restricted key may what it was given', async () => {
  const made = await make({ scopes: ['devices:read'] })
  assert.match(String(made.body['key']), /^rk_test_/)
  const key = String(made.body['key'])
  assert.is((await call(key, 'GET /v1/devices')).status, 200)
  const refused = await call(key, 'GET /v1/end-users')
  assert.equal([refused.status, codeOf(refused)], [403, 'insufficient_scope'])
  for (const wrong of [['everything'], [], ['devices:read', 'devices:read']])
    assert.is((await make({ scopes: wrong })).status, 422)
})

test('a creation that is repeated withholds the key', async () => {
  const twin = () => make({ name: 'Once' }, worlds.test, { 'idempotency-key': 'once' })
  const [a, b] = await Promise.all([twin(), twin()])
  const both = [a.body, b.body]
  assert.equal([a.status, b.status], [201, 201])
  assert.is(both.filter((body) => typeof body['key'] === 'string').length, 1)
  assert.is(both.filter((body) => body['secret_available'] === false).length, 1)
  assert.is(a.body['id'], b.body['id'])
})

test('a rotated key works beside the old one for as long as was asked', async () => {
  const made = await make({ name: 'Rotating' })
  const [id, old] = [String(made.body['id']), String(made.body['key'])]
  const rotate = (body: object) =>
    call(admin, `POST /internal/api-keys/${id}/rotate`, { body, headers: inProject(worlds.live) })
  const first = await rotate({})
  const next = String(first.body['key'])
  assert.equal([first.status, first.body['id']], [200, id])
  assert.is.not(next, old)
  for (const key of [old, next]) assert.is((await call(key, 'GET /v1/devices')).status, 200)
  const last = await rotate({ overlap_seconds: 0 })
  assert.is((await call(String(last.body['key']), 'GET /v1/devices')).status, 200)
  for (const key of [old, next]) assert.is((await call(key, 'GET /v1/devices')).status, 401)
  assert.is((await rotate({ overlap_seconds: -1 })).status, 422)
})

test('a revoked key is dead when its revocation answers', async () => {
  const made = await make({})
  const [id, key] = [String(made.body['id']), String(made.body['key'])]
  const revoke = () =>
    call(admin, `DELETE /internal/api-keys/${id}`, { headers: inProject(worlds.test) })
  const first = await revoke()
  assert.equal([first.status, first.body['status']], [200, 'revoked'])
  assert.is((await call(key, 'GET /v1/devices')).status, 401)
  const again = await revoke()
  assert.equal([again.status, again.body], [200, first.body])
  const rotate = await call(admin, `POST /internal/api-keys/${id}/rotate`, {
    headers: inProject(worlds.test),
  })
  assert.equal([rotate.status, codeOf(rotate)], [409, 'invalid_state'])
})

test('a key of another project is not there', async () => {
  const other = await served.newProject()
  const made = await make({}, other.test)
  const route = `DELETE /internal/api-keys/${made.body['id']}`
  assert.is((await call(admin, route, { headers: inProject(worlds.test) })).status, 404)
  assert.is((await call(admin, route)).status, 422)
  const nowhere = inProject(`proj_${'0'.repeat(22)}`)
  assert.is((await call(admin, route, { headers: nowhere })).status, 404)
})

test('a rebuild tells how far it is, line by line, and ends when its caller goes away', async () => {
  const ask = () =>
    fetch(`${served.url}/internal/rebuild`, {
      method: 'POST',
      headers: { authorization: `Bearer ${served.admin}`, accept: 'application/x-ndjson' },
    })
  const response = await ask()
  assert.equal(
    [response.status, response.headers.get('content-type')],
    [200, 'application/x-ndjson'],
  )
  const lines = (await response.text())
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line))
  const [first, last] = [lines[0], lines.at(-1)]
  assert.ok(
    first.progress.events >= 0 && BigInt(first.progress.position) <= BigInt(first.progress.of),
  )
  const doing = new Set(lines.slice(0, -1).map(({ progress }) => progress.doing))
  assert.equal(doing, new Set(['folding', 'writing', 'comparing']))
  assert.ok(last.data.length >= 9)
  assert.ok(last.data.every(({ equal }: { equal: boolean }) => equal))
})

test('a rebuild is broken off when its caller goes away', async () => {
  const heard = Promise.withResolvers<void>()
  const { http, url } = await served.beside({
    rebuild: (_names, { signal, onProgress }) => {
      onProgress({ doing: 'folding', events: 1, seconds: 1, position: 1n, of: 2n })
      return new Promise((_resolve, reject) =>
        signal.addEventListener('abort', () => {
          heard.resolve()
          reject(signal.reason)
        }),
      )
    },
  })
  for (const accept of ['application/x-ndjson', 'application/json']) {
    const gone = new AbortController()
    const asked = fetch(`${url}/internal/rebuild`, {
      method: 'POST',
      headers: { authorization: `Bearer ${served.admin}`, accept },
      signal: gone.signal,
    }).then((answer) => answer.text())
    await until(() => http.inFlight() === 1, { what: 'a rebuild under way' })
    gone.abort()
    await asked.catch(() => {})
    await heard.promise
    await until(() => http.inFlight() === 0, { what: 'its end' })
  }
  await http.close()
})

test('a read model that there is not is refused, and so is a node that does not keep them', async () => {
  const unknown = await call(served.admin, 'POST /internal/rebuild', { body: { names: ['x'] } })
  assert.equal([unknown.status, errorOf(unknown).param], [422, 'names'])
  const leader = 'lapel on host-a, process 7'
  const { http, call: elsewhere } = await served.beside({
    rebuild: async () => ({ kind: 'not-leading', leader }),
  })
  const refused = await elsewhere(served.admin, 'POST /internal/rebuild')
  assert.equal([refused.status, codeOf(refused)], [409, 'invalid_state'])
  assert.match(JSON.stringify(refused.body), /host-a, process 7/)
  await http.close()
})

test.after(served.end)
test.run()

import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { parseId } from '../../protocol/ids.ts'
import { scopes } from '../../protocol/scopes.ts'
import { createKeyUse, lastUses } from '../../src/http/key-use.ts'
import { until } from '../support/until.ts'
import { type Answer, codeOf, customerOf, errorOf, serve } from './served.ts'

const test = suite('API keys over HTTP')
const served = await serve()
const { call } = served
const worlds = await served.newProject()
const { key: secret } = await customerOf(served, worlds.test)

const make = (by: string, body: object = {}, headers = {}): Promise<Answer> =>
  call(by, 'POST /v1/api-keys', { body, headers })
const keyIn = ({ body }: Answer) => String(body['key'])
const idIn = ({ body }: Answer) => String(body['id'])
type Listed = { readonly id: string; readonly last_used_at: string | null }
const list = async (by = secret, query = '') =>
  (await call(by, `GET /v1/api-keys${query}`)).body as unknown as {
    data: Listed[]
    next_cursor: string | null
  }

test('a key makes keys of its own world, whole this once', async () => {
  const made = await make(secret, { name: 'Backend' })
  assert.is(made.status, 201)
  assert.match(keyIn(made), /^sk_test_[0-9A-Za-z]{50}$/)
  const { key, ...record } = made.body
  assert.equal([record['mode'], record['project_id']], ['test', worlds.test])
  assert.equal(record['hint'], `sk_test_…${String(key).slice(-4)}`)
  assert.equal((await list()).data[0], { ...record, last_used_at: null } as object)
  assert.is((await call(keyIn(made), 'GET /v1/devices')).status, 200)
  const other = await make(secret, { mode: 'live' })
  assert.equal([other.status, errorOf(other).param], [422, 'mode'])
})

test('no key hands out more than it holds', async () => {
  const held = ['api_keys:write', 'api_keys:read', 'devices:read'] as const
  const restricted = keyIn(await make(secret, { scopes: held }))
  assert.match(restricted, /^rk_test_/)
  assert.is((await make(restricted, { scopes: ['devices:read'] })).status, 201)
  assert.is((await make(restricted, { scopes: held })).status, 201)
  for (const scope of scopes.filter((one) => !(held as readonly string[]).includes(one))) {
    const refused = await make(restricted, { scopes: ['devices:read', scope] })
    assert.equal([scope, refused.status, codeOf(refused)], [scope, 403, 'insufficient_scope'])
  }
  const bySecret = await make(restricted)
  assert.equal([bySecret.status, codeOf(bySecret)], [403, 'insufficient_scope'])
  const all = keyIn(await make(secret, { scopes }))
  assert.is((await make(all, { scopes })).status, 201)
  assert.is((await make(all)).status, 403, 'all scopes are no secret key')
})

test('a rotation hands out no more either', async () => {
  const target = await make(secret, { scopes: ['devices:write'] })
  const wide = await make(secret)
  const narrow = keyIn(await make(secret, { scopes: ['api_keys:write'] }))
  for (const id of [idIn(target), idIn(wide)]) {
    const refused = await call(narrow, `POST /v1/api-keys/${id}/rotate`)
    assert.equal([refused.status, codeOf(refused)], [403, 'insufficient_scope'])
  }
  const rotate = (body: object, headers = {}) =>
    call(secret, `POST /v1/api-keys/${idIn(target)}/rotate`, { body, headers })
  const first = await rotate({ overlap_seconds: 60 }, { 'idempotency-key': 'r-1' })
  const again = await rotate({ overlap_seconds: 60 }, { 'idempotency-key': 'r-1' })
  assert.equal([first.status, again.body['secret_available']], [200, false])
  assert.is(again.headers.get('idempotent-replayed'), 'true')
  const works = async (text: string) => (await call(text, 'POST /v1/devices', { body: {} })).status
  assert.equal([await works(keyIn(target)), await works(keyIn(first))], [422, 422])
  const second = await rotate({ overlap_seconds: 0 })
  assert.equal(
    [await works(keyIn(target)), await works(keyIn(first)), await works(keyIn(second))],
    [401, 401, 422],
  )
})

test('a revoked key is dead, and stays in the list', async () => {
  const made = await make(secret)
  const revoke = () => call(secret, `DELETE /v1/api-keys/${idIn(made)}`)
  const [first, second] = [await revoke(), await revoke()]
  assert.equal([first.status, first.body['status']], [200, 'revoked'])
  assert.equal(second.headers.get('etag'), first.headers.get('etag'))
  const refused = await call(keyIn(made), 'GET /v1/devices')
  assert.equal([refused.status, codeOf(refused)], [401, 'unauthorized'])
  const rotated = await call(secret, `POST /v1/api-keys/${idIn(made)}/rotate`)
  assert.equal([rotated.status, codeOf(rotated)], [409, 'invalid_state'])
  assert.ok((await list()).data.some(({ id }) => id === idIn(made)))
})

test('under If-Match: on the revision that was seen, or not at all', async () => {
  const made = await make(secret)
  const headers = { 'if-match': made.headers.get('etag') ?? '' }
  const at = `/v1/api-keys/${idIn(made)}`
  const rotated = await call(secret, `POST ${at}/rotate`, { headers })
  assert.is(rotated.status, 200)
  for (const route of [`POST ${at}/rotate`, `DELETE ${at}`]) {
    const stale = await call(secret, route, { headers })
    assert.equal([route, stale.status, codeOf(stale)], [route, 412, 'precondition_failed'])
  }
  const newest = { 'if-match': rotated.headers.get('etag') ?? '' }
  assert.is((await call(secret, `DELETE ${at}`, { headers: newest })).status, 200)
})

test('keys of another world or project are not there', async () => {
  const live = await served.keyFor(worlds.live)
  const foreign = await served.keyFor((await served.newProject()).test)
  const made = await make(secret)
  for (const other of [live, foreign]) {
    assert.not((await list(other)).data.some(({ id }) => id === idIn(made)))
    for (const route of [
      `POST /v1/api-keys/${idIn(made)}/rotate`,
      `DELETE /v1/api-keys/${idIn(made)}`,
    ])
      assert.is((await call(other, route)).status, 404, route)
  }
  assert.is((await call(keyIn(made), 'GET /v1/devices')).status, 200)
})

test('page by page', async () => {
  const all = (await list(secret, '?limit=100')).data.map(({ id }) => id)
  const first = await list(secret, '?limit=3')
  const rest = await list(secret, `?limit=100&cursor=${first.next_cursor}`)
  assert.equal(
    [...first.data, ...rest.data].map(({ id }) => id),
    all,
  )
})

test('when it was last used is noted, beside the log', async () => {
  const made = await make(secret)
  const events = () =>
    served.stage.store
      .readStream(`${worlds.test}.apikey-${idIn(made)}`, 0)
      .then((all) => all.length)
  assert.is((await list()).data[0]?.last_used_at, null)
  const before = new Date().toISOString()
  await call(keyIn(made), 'GET /v1/devices')
  const used = await until(
    async () => (await list()).data.find(({ id }) => id === idIn(made))?.last_used_at ?? undefined,
    { msMax: 5_000, what: 'last_used_at' },
  )
  assert.ok(used >= before && used <= new Date().toISOString())
  assert.is(await events(), 1)
  const rebuilt = await served.projector.rebuild()
  assert.is(rebuilt.kind, 'rebuilt')
  assert.is((await list()).data.find(({ id }) => id === idIn(made))?.last_used_at, used)
})

test('at most once a minute a key, whichever node', async () => {
  const id = parseId('key_', idIn(await make(secret)))
  assert.ok(id)
  const shared = served.stage.db
  const at = Date.parse('2026-11-22T10:00:00.000Z')
  const nodes = [0, 30_000, 59_999, 60_000, 119_999].map((ms) => ({
    ms: at + ms,
    node: createKeyUse({ shared, now: () => at + ms, log: served.log }),
  }))
  const seen: (string | undefined)[] = []
  for (const { node } of nodes) {
    node.used(id)
    node.used(id)
    // A write of another key, which waits for the one before it.
    const marker = parseId('key_', `key_${String(seen.length).padStart(12, '0')}`)
    assert.ok(marker)
    node.used(marker)
    await until(async () => (await lastUses(shared, [marker])).size > 0 || undefined, {
      msMax: 5_000,
      what: 'the marker',
    })
    seen.push((await lastUses(shared, [id])).get(id))
  }
  const [first, second] = ['2026-11-22T10:00:00.000Z', '2026-11-22T10:01:00.000Z']
  assert.equal(seen, [first, first, first, second, second])
})

test.after(served.end)
test.run()

import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import type { z } from 'zod'
import {
  deviceListReply,
  deviceReply,
  deviceWithSettingsReply,
  endUserListReply,
  endUserReply,
  errorReply,
} from '../../protocol/replies.ts'
import { codeOf, customerOf, serve } from './served.ts'

const test = suite('reading over HTTP')
const served = await serve()
const { call } = served
const { key, register, bound } = await customerOf(served)

test('lists are newest first, stable under inserts, and filtered', async () => {
  const { key: own } = await customerOf(served)
  const add = async (n: number) =>
    String(
      (
        await call(own, 'POST /v1/devices', {
          body: { serial_number: `L${n}`, model: 'bota_pin' },
        })
      ).body['id'],
    )
  const ids: string[] = []
  for (let n = 0; n < 5; n += 1) ids.unshift(await add(n))
  type List = { data: { id: string }[]; has_more: boolean; next_cursor: string | null }
  const list = async (query: string) =>
    (await call(own, `GET /v1/devices?${query}`)).body as unknown as List
  const first = await list('limit=2')
  assert.equal([first.data.map(({ id }) => id), first.has_more], [ids.slice(0, 2), true])
  await add(9)
  const second = await list(`limit=2&cursor=${first.next_cursor}`)
  assert.equal(
    second.data.map(({ id }) => id),
    ids.slice(2, 4),
  )
  const last = await list(`limit=2&cursor=${second.next_cursor}`)
  assert.equal(
    [last.data.map(({ id }) => id), last.has_more, last.next_cursor],
    [ids.slice(4), false, null],
  )
  assert.equal(
    (await list('offset=4')).data.map(({ id }) => id),
    ids.slice(3),
  )
  for (const query of ['limit=0', 'limit=101', 'limit=x', 'offset=10001', 'cursor=abc'])
    assert.is((await call(own, `GET /v1/devices?${query}`)).status, 422, query)
  const foreign = await call(key, `GET /v1/devices?cursor=${first.next_cursor}`)
  assert.is(foreign.status, 422, 'a cursor of another project')
  const { id, person } = await bound()
  const filtered = await call(key, `GET /v1/devices?end_user_id=${person}`)
  assert.equal(
    (filtered.body['data'] as { id: string }[]).map((device) => device.id),
    [id],
  )
})

test('conditions: ETag, If-None-Match, If-Match', async () => {
  const id = await register()
  const read = await call(key, `GET /v1/devices/${id}`)
  const etag = read.headers.get('etag') ?? ''
  assert.match(etag, /^"0-[A-Za-z0-9_-]{16}"$/)
  const same = await call(key, `GET /v1/devices/${id}`, { headers: { 'if-none-match': etag } })
  assert.equal([same.status, same.body, same.headers.get('etag')], [304, { text: '' }, etag])
  const patch = (tag: string, name: string) =>
    call(key, `PATCH /v1/devices/${id}`, { body: { name }, headers: { 'if-match': tag } })
  assert.is((await patch(etag, 'A')).status, 200)
  const stale = await patch(etag, 'B')
  assert.equal([stale.status, codeOf(stale)], [412, 'precondition_failed'])
  assert.is((await patch('"1"', 'B')).status, 200)
  assert.is((await patch('nonsense', 'B')).status, 422)
  const changed = await call(key, `GET /v1/devices/${id}`, { headers: { 'if-none-match': etag } })
  assert.equal([changed.status, changed.body['name']], [200, 'B'])
})

test('Min-Position waits, and says what there is when it has waited long enough', async () => {
  const id = await register()
  const read = await call(key, `GET /v1/devices/${id}`)
  assert.match(read.headers.get('position') ?? '', /^\d+$/)
  const far = await call(key, `GET /v1/devices/${id}`, {
    headers: { 'min-position': '9000000000000000000' },
  })
  assert.equal([far.status, codeOf(far)], [503, 'projection_behind'])
  assert.ok(far.headers.get('retry-after'))
  assert.match(far.headers.get('position') ?? '', /^\d+$/)
  const headers = { 'min-position': '-1' }
  assert.is((await call(key, `GET /v1/devices/${id}`, { headers })).status, 422)
})

test('what is answered has the form that is promised', async () => {
  const { id, person, token } = await bound()
  await call(token, 'POST /v1/devices/me/heartbeat', { body: { boot: 1, seq: 1, flags: 1 } })
  const forms: readonly (readonly [string, z.ZodType])[] = [
    [`GET /v1/devices/${id}`, deviceWithSettingsReply],
    ['GET /v1/devices', deviceListReply],
    [`GET /v1/end-users/${person}`, endUserReply],
    ['GET /v1/end-users', endUserListReply],
    [`PATCH /v1/devices/${id}`, deviceWithSettingsReply],
    [`POST /v1/devices/${id}/unbind`, deviceReply],
    ['GET /v1/none', errorReply],
  ]
  for (const [route, form] of forms) {
    const sent = route.startsWith('PATCH') ? { body: { name: 'Desk' } } : {}
    const { body } = await call(key, route, sent)
    assert.equal(form.parse(body), body, route)
  }
})

test.after(served.end)
test.run()

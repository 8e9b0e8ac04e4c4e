import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { codeOf, customerOf, errorOf, serve } from './served.ts'

const test = suite('devices over HTTP')
const served = await serve()
const { call } = served
const worlds = await served.newProject()
const { key, register, person: newPerson, bound } = await customerOf(served, worlds.test)

test('a device is registered once; its serial number answers with it afterwards', async () => {
  const body = { serial_number: 'ONE', model: 'bota_pin', metadata: { lot: 7.5 }, name: 'Desk' }
  const first = await call(key, 'POST /v1/devices', { body })
  const second = await call(key, 'POST /v1/devices', { body })
  assert.equal([first.status, second.status], [201, 200])
  assert.equal(second.body, first.body)
  const { id, created_at, updated_at, ...rest } = first.body
  assert.match(String(id), /^dev_/)
  assert.equal(rest, {
    project_id: worlds.test,
    serial_number: 'ONE',
    model: 'bota_pin',
    name: 'Desk',
    firmware_version: null,
    status: 'unbound',
    generation: 1,
    end_user_id: null,
    bound_at: null,
    metadata: { lot: 7.5 },
    battery_percent: null,
    storage_used_mb: null,
    storage_total_mb: null,
    signal_strength_dbm: null,
    last_heartbeat_at: null,
    recording_state: null,
    online: false,
    last_seen_at: null,
    session_since: null,
    session_reason: null,
  })
  const read = await call(key, `GET /v1/devices/${id}`)
  const { settings, settings_version, ...shown } = read.body
  assert.equal(shown, first.body)
  assert.equal([settings_version, typeof settings], [0, 'object'])
  assert.is(read.headers.get('etag'), first.headers.get('etag'))
})

test('twenty at once with one serial number make one device', async () => {
  const body = { serial_number: 'RACE', model: 'bota_pin' }
  const answers = await Promise.all(
    Array.from({ length: 20 }, () => call(key, 'POST /v1/devices', { body })),
  )
  assert.equal(answers.map(({ status }) => status).sort(), [...Array(19).fill(200), 201])
  assert.is(new Set(answers.map(({ body: device }) => device['id'])).size, 1)
})

test('a bind answers with the token, once, and a bound device with 409', async () => {
  const [id, person] = [await register(), await newPerson()]
  const answer = await call(key, `POST /v1/devices/${id}/bind`, { body: { end_user_id: person } })
  assert.is(answer.status, 200)
  assert.match(String(answer.body['device_token']), /^dtok_[0-9A-Za-z]{50}$/)
  assert.equal([answer.body['status'], answer.body['end_user_id']], ['bound', person])
  assert.is(answer.headers.get('cache-control'), 'no-store')
  assert.match(answer.headers.get('position') ?? '', /^\d+$/)
  const again = await call(key, `POST /v1/devices/${id}/bind`, { body: { end_user_id: person } })
  assert.equal([again.status, codeOf(again)], [409, 'device_already_bound'])
  const read = await call(key, `GET /v1/devices/${id}`)
  assert.equal([read.body['status'], read.body['device_token']], ['bound', undefined])
})

test('of two unknown ids in a bind the end user is named, the device is not', async () => {
  const id = await register()
  for (const end_user_id of ['eu_nobody', 'x', `eu_${'0'.repeat(22)}`]) {
    const answer = await call(key, `POST /v1/devices/${id}/bind`, { body: { end_user_id } })
    assert.equal(
      [answer.status, codeOf(answer), errorOf(answer).param],
      [404, 'not_found', 'end_user_id'],
    )
  }
  const unknown = await call(key, `POST /v1/devices/dev_${'0'.repeat(22)}/bind`, {
    body: { end_user_id: await newPerson() },
  })
  assert.equal([unknown.status, errorOf(unknown).param], [404, undefined])
})

test('an unbind ends the token and is nothing the second time', async () => {
  const { id, token } = await bound()
  assert.is((await call(token, 'GET /v1/devices/me')).status, 200)
  const first = await call(key, `POST /v1/devices/${id}/unbind`)
  assert.equal(
    [first.status, first.body['status'], first.body['end_user_id']],
    [200, 'unbound', null],
  )
  const refused = await call(token, 'GET /v1/devices/me')
  assert.equal([refused.status, codeOf(refused)], [401, 'unauthorized'])
  assert.match(refused.headers.get('www-authenticate') ?? '', /^Bearer/)
  const second = await call(key, `POST /v1/devices/${id}/unbind`)
  assert.equal([second.status, second.body], [200, first.body])
  assert.is(second.headers.get('position'), first.headers.get('position'))
})

test('what a device may call is its own record, its heartbeat and its token', async () => {
  const { id, token } = await bound()
  const other = await register()
  for (const at of ['me', id]) {
    assert.is((await call(token, `GET /v1/devices/${at}`)).body['id'], id)
    assert.equal((await call(token, `POST /v1/devices/${at}/heartbeat`)).body, { status: 'ok' })
  }
  const refused = [
    `GET /v1/devices/${other}`,
    `GET /v1/devices/dev_${'0'.repeat(22)}`,
    'GET /v1/devices',
    `GET /v1/devices/${id}/history`,
    'GET /v1/end-users',
    `POST /v1/devices/${id}/unbind`,
    `POST /v1/devices/${other}/heartbeat`,
    'POST /v1/devices',
    'GET /internal/projects',
  ]
  for (const route of refused) {
    const answer = await call(token, route)
    assert.equal([route, answer.status, codeOf(answer)], [route, 403, 'forbidden'])
  }
  const byKey = await call(key, `POST /v1/devices/${id}/token/refresh`)
  assert.equal([byKey.status, codeOf(byKey)], [403, 'forbidden'])
  assert.is((await call(key, 'GET /v1/devices/me')).status, 404)
})

test('a refreshed token takes over when it is first used', async () => {
  const { token } = await bound()
  const refresh = async (with_: string) => call(with_, 'POST /v1/devices/me/token/refresh')
  const lost = await refresh(token)
  assert.is(lost.status, 200)
  assert.is((await call(token, 'GET /v1/devices/me')).status, 200, 'the reply may be lost')
  const second = await refresh(token)
  assert.is(second.status, 200)
  const [unseen, next] = [lost, second].map(({ body }) => String(body['device_token']))
  assert.is((await call(unseen ?? '', 'GET /v1/devices/me')).status, 401, 'replaced unseen')
  assert.is((await call(next ?? '', 'GET /v1/devices/me')).status, 200)
  assert.is((await call(token, 'GET /v1/devices/me')).status, 401, 'superseded')
  assert.is((await refresh(token)).status, 401)
  assert.is((await refresh(next ?? '')).status, 200)
})

test('a heartbeat over HTTP is read from the row, its name opened', async () => {
  const { id, token } = await bound()
  const body = { boot: 1, seq: 1, battery_percent: 81, device_name: 'Ada’s pin', flags: 3 }
  const answer = await call(token, 'POST /v1/devices/me/heartbeat', { body })
  assert.equal([answer.status, answer.body], [200, { status: 'ok' }])
  const headers = { 'min-position': answer.headers.get('position') ?? '' }
  const read = await call(key, `GET /v1/devices/${id}`, { headers })
  assert.equal([read.status, read.body['battery_percent']], [200, 81])
  assert.equal([read.body['name'], read.body['online']], ['Ada’s pin', true])
  assert.is((read.body['recording_state'] as { flags: number }).flags, 3)
})

test('a backend relays for a device that is not bound', async () => {
  const id = await register()
  const body = { battery_percent: 7, device_name: 'nobody’s' }
  const answer = await call(key, `POST /v1/devices/${id}/heartbeat`, { body })
  assert.is(answer.status, 200)
  const headers = { 'min-position': answer.headers.get('position') ?? '' }
  const read = await call(key, `GET /v1/devices/${id}`, { headers })
  assert.equal([read.body['battery_percent'], read.body['name']], [7, null])
  assert.is((await call(key, 'POST /v1/devices/me/heartbeat', { body })).status, 404)
})

test('PATCH changes what was sent, once', async () => {
  const id = await register({ metadata: { a: 1 }, name: 'Old' })
  const body = { name: 'New', settings: { power: { auto_sleep_minutes: 5 } } }
  const first = await call(key, `PATCH /v1/devices/${id}`, { body })
  assert.is(first.status, 200)
  assert.equal(
    [first.body['name'], first.body['metadata'], first.body['settings_version']],
    ['New', { a: 1 }, 1],
  )
  const again = await call(key, `PATCH /v1/devices/${id}`, { body })
  assert.equal([again.body, again.headers.get('etag')], [first.body, first.headers.get('etag')])
  const wrong = await call(key, `PATCH /v1/devices/${id}`, {
    body: { settings: { power: { auto_sleep_minutes: -1 }, audio: { codec: 'mp3' } } },
  })
  assert.equal(
    [
      wrong.status,
      errorOf(wrong)
        .details?.map(({ field }) => field)
        .sort(),
    ],
    [422, ['settings.audio.codec', 'settings.power.auto_sleep_minutes']],
  )
})

test('nothing of what went wrong was unforeseen', async () => {
  assert.equal(
    served.lines.filter(({ level }) => level === 'error'),
    [],
  )
})

test.after(served.end)
test.run()

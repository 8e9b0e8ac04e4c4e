import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { bodyBytesMax } from '../../protocol/limits.ts'
import { codeOf, customerOf, errorOf, serve } from './served.ts'

const test = suite('hostile input over HTTP')
const served = await serve()
const { call } = served
const { key, register, ask, bound } = await customerOf(served)
const countOf = async () => ((await ask('GET /v1/devices?limit=100')).body['data'] as []).length

const device = { serial_number: 'HOSTILE', model: 'bota_pin' }

test('a wrong value is 422 and every member at fault is named', async () => {
  const cases: readonly (readonly [object, readonly string[]])[] = [
    [{}, ['model', 'serial_number']],
    [{ ...device, serial_number: 7 }, ['serial_number']],
    [{ ...device, serial_number: '' }, ['serial_number']],
    [{ ...device, serial_number: 'x'.repeat(65) }, ['serial_number']],
    [{ ...device, serial_number: 'a\u0000b' }, ['serial_number']],
    [{ ...device, model: 'Bota Pin!' }, ['model']],
    [{ ...device, metadata: { a: { b: 1 } } }, ['metadata.a']],
    [{ ...device, metadata: { ['k'.repeat(41)]: 1 } }, [`metadata.${'k'.repeat(41)}`]],
    [{ ...device, name: 5, firmware_version: 'x'.repeat(33) }, ['firmware_version', 'name']],
    [[], ['body']],
  ]
  for (const [body, fields] of cases) {
    const answer = await ask('POST /v1/devices', { body })
    const error = errorOf(answer)
    assert.equal(
      [answer.status, error.code, [...new Set(error.details?.map(({ field }) => field))].sort()],
      [422, 'validation_failed', [...fields]],
      JSON.stringify(body).slice(0, 80),
    )
    assert.is(error.param, error.details?.[0]?.field)
  }
})

test('a heartbeat out of range is refused, and the limit is not', async () => {
  const { token } = await bound()
  const beat = (body: object) => call(token, 'POST /v1/devices/me/heartbeat', { body })
  for (const body of [
    { battery_percent: 101 },
    { battery_percent: -1 },
    { battery_percent: 5.5 },
    { battery_percent: '80' },
    { flags: 256 },
    { firmware_version: 'x'.repeat(33) },
    { device_name: 'x'.repeat(65) },
    { connection_type: ['5g'] },
    { seq: -1 },
    { boot: 'no' },
  ]) {
    const answer = await beat(body)
    assert.equal([answer.status, codeOf(answer)], [422, 'validation_failed'], JSON.stringify(body))
    assert.is(errorOf(answer).param?.split('.')[0], Object.keys(body)[0])
  }
  assert.is(
    (await beat({ battery_percent: 100, flags: 255, device_name: 'x'.repeat(64) })).status,
    200,
  )
})

test('what is not JSON of one meaning is 400', async () => {
  const deep = `${'['.repeat(40)}${']'.repeat(40)}`
  for (const raw of [
    '{"serial_number":"A"',
    '{"serial_number":"A","serial_number":"B","model":"bota_pin"}',
    '{"__proto__":{"admin":true},"serial_number":"A","model":"bota_pin"}',
    '{"serial_number":"\\ud800","model":"bota_pin"}',
    `{"serial_number":"A","model":"bota_pin","metadata":${deep}}`,
    '{"serial_number":"A","model":"bota_pin","metadata":{"n":1e999}}',
    'nonsense',
    Buffer.from([0x7b, 0x22, 0xff, 0x22, 0x3a, 0x31, 0x7d]),
  ]) {
    const answer = await ask('POST /v1/devices', { raw })
    assert.equal(
      [answer.status, codeOf(answer)],
      [400, 'invalid_request'],
      String(raw).slice(0, 60),
    )
  }
})

test('another type or encoding of a body is 415', async () => {
  for (const headers of [
    { 'content-type': 'text/plain' },
    { 'content-type': 'application/x-www-form-urlencoded' },
    { 'content-type': 'application/json; charset=utf-16' },
    { 'content-type': 'application/json', 'content-encoding': 'gzip' },
  ]) {
    const answer = await ask('POST /v1/devices', { raw: JSON.stringify(device), headers })
    assert.equal([answer.status, codeOf(answer)], [415, 'unsupported_media_type'])
  }
  const headers = { 'content-type': 'application/json; charset=UTF-8' }
  const fine = await ask('POST /v1/end-users', { raw: '{}', headers })
  assert.is(fine.status, 201)
})

test('a body of 10 MB is 413, one of the limit is read', async () => {
  const large = await ask('POST /v1/devices', { raw: 'x'.repeat(10_000_000) })
  assert.equal([large.status, codeOf(large)], [413, 'payload_too_large'])
  const padded = (bytes: number) => {
    const text = JSON.stringify({ name: 'Ada' })
    return text + ' '.repeat(bytes - text.length)
  }
  assert.is((await ask('POST /v1/end-users', { raw: padded(bodyBytesMax) })).status, 201)
  assert.is((await ask('POST /v1/end-users', { raw: padded(bodyBytesMax + 1) })).status, 413)
  const stream = new ReadableStream({
    pull: (controller) => controller.enqueue(new Uint8Array(100_000).fill(32)),
  })
  const chunked = await fetch(`${served.url}/v1/devices`, {
    method: 'POST',
    headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json' },
    body: stream,
    duplex: 'half',
  } as RequestInit).catch((error: unknown) => error)
  if (chunked instanceof Response) assert.is(chunked.status, 413)
})

test('who may not is told so before the body is read', async () => {
  const raw = '{"broken'
  assert.is((await call(null, 'POST /v1/devices', { raw })).status, 401)
  assert.is((await call('garbage', 'POST /v1/devices', { raw })).status, 401)
  const scopes = ['devices:read']
  const { body } = await call(served.admin, 'POST /internal/projects', { body: { name: 'B' } })
  const reader = await served.keyFor(String(body['id_test']), { scopes })
  const answer = await call(reader, 'POST /v1/devices', { raw })
  assert.equal([answer.status, codeOf(answer)], [403, 'insufficient_scope'])
  assert.is((await call(reader, 'GET /v1/devices')).status, 200)
})

test('no credential, garbage and a checksum that is wrong are 401', async () => {
  const last = key.at(-1) === '0' ? '1' : '0'
  for (const credential of [
    null,
    'x',
    `${key.slice(0, -1)}${last}`,
    `sk_test_${'0'.repeat(50)}`,
    `dtok_${'0'.repeat(50)}`,
    `${key}x`,
  ]) {
    const answer = await call(credential, 'GET /v1/devices')
    assert.equal([answer.status, codeOf(answer)], [401, 'unauthorized'], String(credential))
    assert.match(answer.headers.get('www-authenticate') ?? '', /^Bearer realm="lapel"/)
  }
  const basic = { authorization: 'Basic YTpi' }
  assert.is((await call(null, 'GET /v1/devices', { headers: basic })).status, 401)
})

test('a number that Postgres cannot hold is no fault of ours', async () => {
  const id = await register()
  for (const route of [
    `GET /v1/devices/${id}/history?revision=999999999999999`,
    'GET /v1/devices?offset=99999999999999999999',
    `GET /v1/devices?end_user_id=${'x'.repeat(3_000)}`,
    'GET /v1/devices?end_user_id=a%00b',
    'GET /v1/end-users?external_id=%00',
    `GET /v1/devices/${id}/history?at=9999-99-99`,
    `GET /v1/devices/${id}/history?at=0000-01-01T00:00:00Z`,
    `GET /v1/devices/${id}/history?limit=-1`,
    `GET /v1/devices/${id}/history?order=sideways`,
    `GET /v1/devices/${id}/history?cursor=%F0%9F`,
    'GET /v1/devices/%E0%A4%A',
    'GET /v1/devices/..%2f..%2finternal%2fprojects',
    `GET /v1/devices/${'x'.repeat(8_000)}`,
  ]) {
    const answer = await ask(route)
    assert.ok(answer.status < 500, `${route}: ${answer.status} ${JSON.stringify(answer.body)}`)
  }
})

test('nothing of all that was stored', async () => {
  const before = await countOf()
  await ask('POST /v1/devices', { body: { ...device, model: 7 } })
  assert.is(await countOf(), before)
  assert.equal(
    served.lines.filter(({ level }) => level === 'error'),
    [],
  )
})

test.after(served.end)
test.run()

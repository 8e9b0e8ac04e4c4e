import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { parseId } from '../../protocol/ids.ts'
import { claim, take } from '../../src/domain/claim.ts'
import { bodyOf, claimHash, derivedIdOf, idemOf, projectKey } from '../../src/store/keyed.ts'
import { claimStream, deviceStream } from '../../src/store/streams.ts'
import { codeOf, customerOf, errorOf, serve } from './served.ts'

const test = suite('idempotency over HTTP')
const served = await serve()
const { call, stage } = served
const worlds = await served.newProject()
const { register, person, ask } = await customerOf(served, worlds.test)
const project = parseId('proj_', worlds.test)
if (!project) throw new Error('the project has no id')
const pk = projectKey(stage.secrets, project)
const under = (idempotencyKey: string) => ({ 'idempotency-key': idempotencyKey })

test('a creation that is repeated answers as the first, however often', async () => {
  for (const [route, body] of [
    ['POST /v1/devices', { serial_number: 'IDEM', model: 'bota_pin' }],
    ['POST /v1/end-users', { external_id: 'idem', name: 'Ada' }],
  ] as const) {
    const first = await ask(route, { body, headers: under('k-1') })
    const again = await ask(route, { body, headers: under('k-1') })
    assert.equal([first.status, again.status], [201, 201], route)
    assert.equal(again.body, first.body)
    assert.equal(
      [first, again].map(({ headers }) => headers.get('idempotent-replayed')),
      [null, 'true'],
    )
    const other = await ask(route, { body: { ...body, metadata: { a: 1 } }, headers: under('k-1') })
    assert.equal([other.status, codeOf(other)], [409, 'idempotency_mismatch'], route)
  }
})

test('twins at once make one thing, and both are answered', async () => {
  for (const [route, body] of [
    ['POST /v1/devices', { serial_number: 'TWINS', model: 'bota_pin' }],
    ['POST /v1/end-users', { external_id: 'twins' }],
    ['POST /v1/end-users', { name: 'No external id' }],
  ] as const) {
    const answers = await Promise.all(
      Array.from({ length: 8 }, () =>
        ask(route, { body, headers: under(`twins-${Object.keys(body).join('-')}`) }),
      ),
    )
    assert.equal(
      answers.map(({ status }) => status),
      Array(8).fill(201),
      route,
    )
    assert.is(new Set(answers.map((answer) => answer.body['id'])).size, 1)
  }
})

test('a bind that is repeated withholds the token', async () => {
  const [id, end_user_id] = [await register(), await person()]
  const bind = (body: object) =>
    ask(`POST /v1/devices/${id}/bind`, { body, headers: under('bind-1') })
  const [first, twin] = await Promise.all([bind({ end_user_id }), bind({ end_user_id })])
  const late = await bind({ end_user_id })
  const tokens = [first, twin, late].map(({ body }) => body['device_token'])
  assert.is(tokens.filter((token) => typeof token === 'string').length, 1)
  assert.equal(
    [late.status, late.body['secret_available'], late.headers.get('idempotent-replayed')],
    [200, false, 'true'],
  )
  const other = await bind({ end_user_id: await person() })
  assert.equal([other.status, codeOf(other)], [409, 'idempotency_mismatch'])
  const history = await ask(`GET /v1/devices/${id}/history`)
  assert.is((history.body['data'] as unknown[]).length, 3)
})

test('a repeated bind is answered after the device was unbound and bound again', async () => {
  const [id, a, b] = [await register(), await person(), await person()]
  const bind = (end_user_id: string, name: string) =>
    ask(`POST /v1/devices/${id}/bind`, { body: { end_user_id }, headers: under(name) })
  await bind(a, 'first')
  await ask(`POST /v1/devices/${id}/unbind`, { headers: under('unbind') })
  await bind(b, 'second')
  const late = await bind(a, 'first')
  assert.equal([late.status, late.body['end_user_id']], [200, b], 'the present representation')
  const unbind = await ask(`POST /v1/devices/${id}/unbind`, { headers: under('unbind') })
  assert.equal([unbind.status, unbind.body['status']], [200, 'bound'])
})

test('a refusal is decided anew', async () => {
  const id = await register()
  const bind = (end_user_id: string) =>
    ask(`POST /v1/devices/${id}/bind`, { body: { end_user_id }, headers: under('later') })
  assert.is((await bind('eu_nobody')).status, 404)
  assert.is((await bind(await person())).status, 200)
})

test('a token refresh that is repeated withholds the token', async () => {
  const [id, end_user_id] = [await register(), await person()]
  const { body } = await ask(`POST /v1/devices/${id}/bind`, { body: { end_user_id } })
  const refresh = () =>
    call(String(body['device_token']), 'POST /v1/devices/me/token/refresh', {
      headers: under('r'),
    })
  assert.is(typeof (await refresh()).body['device_token'], 'string')
  assert.equal((await refresh()).body, { secret_available: false })
})

test('the key has a form', async () => {
  for (const bad of ['', 'a b', 'ü', 'x'.repeat(256)]) {
    const body = { serial_number: 'FORM', model: 'bota_pin' }
    const encoded = Buffer.from(bad).toString('latin1')
    const answer = await ask('POST /v1/devices', { body, headers: under(encoded) })
    assert.equal([answer.status, errorOf(answer).param], [422, 'Idempotency-Key'], bad)
  }
})

/** Takes a claim as a node did that was killed before it created what the claim names. */
const claimOnly = async (serial: string, idempotencyKey: string): Promise<string> => {
  const id = derivedIdOf(pk, 'dev_', idempotencyKey)
  const stream = claimStream(project, claimHash(pk, 'serial_number', serial))
  const by = { project, actor: 'system', requestId: null } as const
  const args = { id, idem: idemOf(pk, idempotencyKey) }
  await stage.ledger.transact(stream, claim, () => take(args), by)
  return id
}

test('a creation that was cut off is inherited by the next caller', async () => {
  const id = await claimOnly('CUT', 'cut-off')
  const body = { serial_number: 'CUT', model: 'bota_note' }
  const next = await ask('POST /v1/devices', { body, headers: under('another') })
  assert.equal([next.status, next.body['id'], next.body['generation']], [201, id, 1])
  const again = await ask('POST /v1/devices', { body, headers: under('another') })
  assert.equal([again.status, again.body['id']], [201, id], 'its own repeat')
  const late = await ask('POST /v1/devices', { body, headers: under('cut-off') })
  assert.equal([late.status, late.body['id']], [200, id], 'the one that was cut off')
})

test('one that was cut off may come back for another serial number', async () => {
  const id = await claimOnly('LEFT', 'moved')
  const moved = await ask('POST /v1/devices', {
    body: { serial_number: 'MOVED', model: 'bota_pin' },
    headers: under('moved'),
  })
  assert.equal([moved.status, moved.body['id']], [201, id])
  const left = await ask('POST /v1/devices', {
    body: { serial_number: 'LEFT', model: 'bota_pin' },
  })
  assert.equal([left.status, left.body['generation']], [201, 2], 'the claim is taken over')
  assert.is.not(left.body['id'], id)
})

test('an external id is held by one person', async () => {
  const body = { external_id: 'only', email: 'a@example.com' }
  const answers = await Promise.all(
    Array.from({ length: 6 }, () => ask('POST /v1/end-users', { body })),
  )
  assert.equal(answers.map(({ status }) => status).sort(), [201, 409, 409, 409, 409, 409])
  const refused = answers.find(({ status }) => status === 409)
  assert.ok(refused)
  assert.equal(
    [codeOf(refused), errorOf(refused).param],
    ['resource_already_exists', 'external_id'],
  )
  const list = await ask('GET /v1/end-users?external_id=only')
  assert.is((list.body['data'] as unknown[]).length, 1)
})

test('nothing of what was written names the key or the person', async () => {
  const events = await stage.store.readStream(deviceStream(project, derivedIdOf(pk, 'dev_', 'k-1')))
  const text = JSON.stringify(
    events.map(({ id, type, stream, data, metadata }) => ({ id, type, stream, data, metadata })),
  )
  assert.not.match(text, /k-1"|IDEM|sk_test/)
  assert.match(
    text,
    new RegExp(bodyOf(pk, 'POST', '/v1/devices', { serial_number: 'IDEM', model: 'bota_pin' })),
  )
})

test.after(served.end)
test.run()

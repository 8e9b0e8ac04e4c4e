import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { parseId } from '../../protocol/ids.ts'
import { claim, take } from '../../src/domain/claim.ts'
import { claimHash, projectKey } from '../../src/store/keyed.ts'
import { claimStream } from '../../src/store/streams.ts'
import { codeOf, customerOf, serve } from './served.ts'

const test = suite('retirement over HTTP')
const served = await serve()
const { call, stage } = served
const { test: world } = await served.newProject()
const { ask, register, person, bound } = await customerOf(served, world)
const project = parseId('proj_', world)
if (!project) throw new Error('the project has no id')

type History = { readonly data: readonly { readonly type: string }[] }
const typesOf = async (id: string) => {
  const { body } = await ask(`GET /v1/devices/${id}/history?order=asc`)
  return (body as unknown as History).data.map(({ type }) => type)
}

test('a retired device is unbound, its token dead, its history whole', async () => {
  const { id, token } = await bound()
  const first = await ask(`DELETE /v1/devices/${id}`)
  assert.equal(
    [first.status, first.body['status'], first.body['end_user_id']],
    [200, 'retired', null],
  )
  assert.is((await call(token, 'GET /v1/devices/me')).status, 401)
  assert.equal(await typesOf(id), [
    'DeviceRegistered',
    'DeviceBound',
    'DeviceTokenIssued',
    'DeviceUnbound',
    'DeviceTokenRevoked',
    'DeviceRetired',
  ])
  const again = await ask(`DELETE /v1/devices/${id}`)
  assert.equal([again.body, again.headers.get('etag')], [first.body, first.headers.get('etag')])
  assert.is((await typesOf(id)).length, 6)
  const read = await ask(`GET /v1/devices/${id}`)
  assert.equal([read.status, read.body['status']], [200, 'retired'])
})

test('a retired device is listed only where it is asked for, and changes no more', async () => {
  const id = await register({ serial_number: 'GONE' })
  await ask(`DELETE /v1/devices/${id}`)
  const ids = async (query: string) => {
    const { body } = await ask(`GET /v1/devices?serial_number=GONE${query}`)
    return (body['data'] as { id: string }[]).map((device) => device.id)
  }
  assert.equal([await ids(''), await ids('&status=retired')], [[], [id]])
  const end_user_id = await person()
  for (const [route, body] of [
    [`PATCH /v1/devices/${id}`, { name: 'X' }],
    [`PUT /v1/devices/${id}/settings`, { audio: { codec: 'wav' } }],
    [`POST /v1/devices/${id}/bind`, { end_user_id }],
    [`POST /v1/devices/${id}/unbind`, {}],
    [`POST /v1/devices/${id}/heartbeat`, {}],
  ] as const) {
    const answer = await ask(route, { body })
    assert.equal([route, answer.status, codeOf(answer)], [route, 409, 'invalid_state'])
  }
})

test('its serial number is the next generation’s, whether or not the claim was given back', async () => {
  const body = { serial_number: 'AGAIN', model: 'bota_pin' }
  const first = await ask('POST /v1/devices', { body })
  await ask(`DELETE /v1/devices/${first.body['id']}`)
  const second = await ask('POST /v1/devices', { body })
  assert.equal([second.status, second.body['generation']], [201, 2])
  assert.is.not(second.body['id'], first.body['id'])
  // As a node leaves it that is killed between the retirement and the claim.
  const id = parseId('dev_', second.body['id'])
  assert.ok(id)
  await ask(`DELETE /v1/devices/${id}`)
  const hash = claimHash(projectKey(stage.secrets, project), 'serial_number', 'AGAIN')
  const by = stage.by(project)
  await stage.ledger.transact(claimStream(project, hash), claim, () => take({ id }), by)
  const third = await ask('POST /v1/devices', { body })
  assert.equal([third.status, third.body['generation']], [201, 4])
  const known = await ask('POST /v1/devices', { body })
  assert.equal([known.status, known.body['id']], [200, third.body['id']])
})

test('under If-Match, and not what is not there', async () => {
  const id = await register()
  const etag = (await ask(`GET /v1/devices/${id}`)).headers.get('etag') ?? ''
  await ask(`PATCH /v1/devices/${id}`, { body: { name: 'Other' } })
  const headers = { 'if-match': etag }
  const stale = await ask(`DELETE /v1/devices/${id}`, { headers })
  assert.equal([stale.status, codeOf(stale)], [412, 'precondition_failed'])
  assert.is((await ask(`DELETE /v1/devices/dev_${'0'.repeat(22)}`)).status, 404)
})

test.after(served.end)
test.run()

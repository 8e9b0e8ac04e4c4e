import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { customerOf, errorOf, serve } from './served.ts'

const test = suite('isolation over HTTP')
const served = await serve()
const { call } = served
const worlds = await served.newProject()
const { key, bound } = await customerOf(served, worlds.test)

test('what another project or world has is not there, in the same bytes', async () => {
  const { id, person } = await bound()
  const strangers = [
    await served.keyFor(worlds.live),
    await served.keyFor((await served.newProject()).test),
  ]
  const unknown = `dev_${'0'.repeat(22)}`
  const bytesOf = ({ body }: { body: object }) =>
    JSON.stringify(body).replace(/req_[0-9A-Za-z]+/, '')
  for (const stranger of strangers) {
    for (const route of [
      'GET /v1/devices/$',
      'POST /v1/devices/$/unbind',
      'GET /v1/devices/$/history',
      'POST /v1/devices/$/heartbeat',
    ]) {
      const [theirs, none, odd] = await Promise.all(
        [id, unknown, 'x%00'].map((at) => call(stranger, route.replace('$', at))),
      )
      assert.equal([theirs?.status, none?.status, odd?.status], [404, 404, 404], route)
      assert.is(new Set([theirs, none, odd].map((answer) => answer && bytesOf(answer))).size, 1)
    }
    assert.is((await call(stranger, `GET /v1/end-users/${person}`)).status, 404)
    const own = await call(stranger, 'POST /v1/devices', {
      body: { serial_number: 'SN-STRANGE', model: 'bota_pin' },
    })
    const bind = await call(stranger, `POST /v1/devices/${own.body['id']}/bind`, {
      body: { end_user_id: person },
    })
    assert.equal([bind.status, errorOf(bind).param], [404, 'end_user_id'])
  }
})

test('a serial number of another world is another device', async () => {
  const body = { serial_number: 'BOTH', model: 'bota_pin' }
  const live = await call(await served.keyFor(worlds.live), 'POST /v1/devices', { body })
  const inTest = await call(key, 'POST /v1/devices', { body })
  assert.equal([live.status, inTest.status], [201, 201])
  assert.is.not(live.body['id'], inTest.body['id'])
})

test('an administrator calls it with the project named', async () => {
  const headers = { 'lapel-project': worlds.test }
  const list = await call(served.admin, 'GET /v1/devices?limit=1', { headers })
  assert.is(list.status, 200)
  assert.is((await call(served.admin, 'GET /v1/devices')).status, 422)
  const nowhere = { 'lapel-project': `proj_${'0'.repeat(22)}` }
  assert.is((await call(served.admin, 'GET /v1/devices', { headers: nowhere })).status, 404)
})

test.after(served.end)
test.run()

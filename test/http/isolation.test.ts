import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { customerOf, serve } from './served.ts'

const test = suite('isolation over HTTP')
const served = await serve()
const { call } = served
const worlds = await served.newProject()
const { key } = await customerOf(served, worlds.test)

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

import { randomBytes } from 'node:crypto'
import { Kysely, PostgresDialect } from 'kysely'
import pg from 'pg'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import type { Tables } from '../../projections/tables.ts'
import { createVault } from '../../src/store/vault.ts'
import { until } from '../support/until.ts'
import { codeOf, customerOf, serve } from './served.ts'

const test = suite('faults over HTTP')
const served = await serve()
const { call, stage } = served
const { key, ask, register, person, bound } = await customerOf(served)

/** The same API on a Postgres that cannot be reached. */
const withoutPostgres = async () => {
  const pool = new pg.Pool({ host: '127.0.0.1', port: 1, connectionTimeoutMillis: 300 })
  const db = new Kysely<Tables>({ dialect: new PostgresDialect({ pool }) })
  const vault = createVault({ db, secrets: stage.secrets, random: randomBytes, now: Date.now })
  const projector = { waitFor: async () => false }
  const { http, call: lost } = await served.beside({
    shared: db,
    reads: () => db,
    vault,
    projector,
  })
  return {
    lost,
    end: async () => {
      await http.close()
      await pool.end()
    },
  }
}

test('without Postgres reads are 503 and nothing is created; heartbeats, binds and unbinds go on', async () => {
  const [id, end_user_id, other] = [await register(), await person(), await bound()]
  const { lost, end } = await withoutPostgres()
  const again = async (route: string, body?: object) => {
    const answer = await lost(key, route, body && { body })
    assert.equal([answer.status, codeOf(answer)], [503, 'unavailable'], route)
    assert.ok(answer.headers.get('retry-after'))
  }
  await again(`GET /v1/devices/${id}`)
  await again('GET /v1/devices')
  await again('POST /v1/devices', { serial_number: 'NO-VAULT', model: 'bota_pin' })
  await again('POST /v1/end-users', { name: 'Ada' })
  const bind = await lost(key, `POST /v1/devices/${id}/bind`, { body: { end_user_id } })
  assert.equal([bind.status, bind.body['status'], bind.body['serial_number']], [200, 'bound', null])
  assert.match(String(bind.body['device_token']), /^dtok_/)
  const beat = { battery_percent: 5, device_name: 'x' }
  for (const [credential, at] of [
    [other.token, 'me'],
    [key, id],
  ] as const) {
    const answer = await lost(credential, `POST /v1/devices/${at}/heartbeat`, { body: beat })
    assert.equal([answer.status, answer.body], [200, { status: 'ok' }])
  }
  assert.is((await lost(key, `POST /v1/devices/${id}/unbind`)).body['status'], 'unbound')
  await end()
  const found = await ask('POST /v1/devices', {
    body: { serial_number: 'NO-VAULT', model: 'bota_pin' },
  })
  assert.equal([found.status, found.body['generation']], [201, 1], 'nothing was claimed')
})

test('without the event store a write is 503 with Retry-After, and recovers by itself', async () => {
  const id = await register()
  await stage.server.kill9()
  const refused = await ask(`POST /v1/devices/${id}/unbind`)
  assert.equal([refused.status, codeOf(refused)], [503, 'unavailable'])
  assert.ok(refused.headers.get('retry-after'))
  const closed = await until(
    async () => {
      const answer = await call(key, `GET /v1/devices/${id}`)
      return answer.status === 503 && answer
    },
    { what: 'the end of the lease' },
  )
  assert.is(codeOf(closed), 'unavailable')
  await stage.server.restart()
  await until(async () => (await ask(`GET /v1/devices/${id}`)).status === 200, {
    what: 'the lease',
  })
  const bind = await ask(`POST /v1/devices/${id}/bind`, { body: { end_user_id: await person() } })
  assert.is(bind.status, 200)
})

test('past the rate of a key it is 429 with Retry-After, and says what is left before', async () => {
  let nowMs = 1_000_000
  const rates = { key: 2, device: 1, project: 0 }
  const { http, call: limited } = await served.beside({ rates, now: () => nowMs })
  const statuses: number[] = []
  for (let i = 0; i < 5; i += 1) {
    const answer = await limited(key, 'GET /v1/devices?limit=1')
    statuses.push(answer.status)
    if (i === 0) assert.is(answer.headers.get('ratelimit'), '"key";r=3;t=1')
    if (i === 0) assert.is(answer.headers.get('ratelimit-policy'), '"key";q=4;w=2')
    if (i === 4)
      assert.equal(
        [codeOf(answer), answer.headers.get('retry-after')],
        ['rate_limit_exceeded', '1'],
      )
  }
  assert.equal(statuses, [200, 200, 200, 200, 429])
  const { token } = await bound()
  assert.is((await limited(token, 'GET /v1/devices/me')).status, 200, 'a device has its own')
  const refused = await limited(token, 'GET /v1/devices')
  assert.equal(
    [refused.status, refused.headers.get('x-ratelimit-remaining')],
    [403, '8'],
    'a refusal counts, and says what is left',
  )
  nowMs += 500
  assert.is((await limited(key, 'GET /v1/devices?limit=1')).status, 200)
  await http.close()
})

test.after(served.end)
test.run()

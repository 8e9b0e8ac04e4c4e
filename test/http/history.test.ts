import fc from 'fast-check'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import type { z } from 'zod'
import { parseId } from '../../protocol/ids.ts'
import { historyAtReply, historyReply } from '../../protocol/replies.ts'
import { device, initial } from '../../src/domain/device.ts'
import { deviceStream } from '../../src/store/streams.ts'
import { codeOf, customerOf, errorOf, serve } from './served.ts'

const test = suite('history over HTTP')
const served = await serve()
const { call } = served
const { test: project } = await served.newProject()
const { ask, register, person, bound } = await customerOf(served, project)

type Listed = z.infer<typeof historyReply>
const history = async (id: string, query = ''): Promise<Listed> => {
  const answer = await ask(`GET /v1/devices/${id}/history?${query}`)
  assert.is(answer.status, 200)
  return historyReply.parse(answer.body)
}

test('all of it, newest first, without a secret and with what is sealed opened', async () => {
  const id = await register({ metadata: { lot: 7.5 }, name: 'Desk', serial_number: 'H-1' })
  const end_user_id = await person()
  const bind = await ask(`POST /v1/devices/${id}/bind`, { body: { end_user_id } })
  await ask(`PATCH /v1/devices/${id}`, { body: { name: 'Shelf' } })
  await ask(`POST /v1/devices/${id}/unbind`)
  const { data, has_more, next_cursor } = await history(id)
  assert.equal(
    data.map(({ type, revision }) => [type, revision]),
    [
      ['DeviceTokenRevoked', 5],
      ['DeviceUnbound', 4],
      ['DeviceUpdated', 3],
      ['DeviceTokenIssued', 2],
      ['DeviceBound', 1],
      ['DeviceRegistered', 0],
    ],
  )
  assert.equal([has_more, next_cursor], [false, null])
  assert.not.match(JSON.stringify(data), /hmac|salt|pepper|sealed|serial_hash|dtok_/)
  assert.equal(data.at(-1)?.data, {
    device_id: id,
    model: 'bota_pin',
    generation: 1,
    serial_number: 'H-1',
    metadata: { lot: 7.5 },
    name: 'Desk',
  })
  assert.equal(data[2]?.data, { name: 'Shelf' })
  assert.is(data[4]?.request_id, bind.headers.get('x-request-id'))
  assert.match(String(data[4]?.actor), /^key_/)
})

test('page by page, both ways, and a cursor only for its own list', async () => {
  const { id } = await bound()
  await ask(`POST /v1/devices/${id}/unbind`)
  for (const order of ['asc', 'desc']) {
    const all = (await history(id, `order=${order}`)).data.map(({ revision }) => revision)
    assert.equal(all, order === 'asc' ? [0, 1, 2, 3, 4] : [4, 3, 2, 1, 0])
    const paged: number[] = []
    let cursor: string | null = ''
    for (let pages = 0; cursor !== null && pages < 9; pages += 1) {
      const page: Listed = await history(
        id,
        `limit=2&order=${order}${cursor === '' ? '' : `&cursor=${cursor}`}`,
      )
      paged.push(...page.data.map(({ revision }) => revision))
      assert.is(page.has_more, page.next_cursor !== null)
      cursor = page.next_cursor
    }
    assert.equal(paged, all)
  }
  const { next_cursor } = await history(id, 'limit=2&order=asc')
  for (const wrong of [
    `/v1/devices/${id}/history?cursor=`,
    `/v1/devices/${await register()}/history?order=asc&cursor=`,
  ])
    assert.is((await ask(`GET ${wrong}${next_cursor}`)).status, 422)
})

test('before its first event there was no device; past its last revision there is none', async () => {
  const id = await register()
  const before = await ask(`GET /v1/devices/${id}/history?at=2001-01-01T00:00:00%2B01:00`)
  assert.equal([before.status, before.body], [200, { revision: -1, at: null, device: null }])
  const later = await ask(`GET /v1/devices/${id}/history?revision=7`)
  assert.equal([later.status, errorOf(later).param], [404, 'revision'])
  const both = await ask(`GET /v1/devices/${id}/history?revision=0&at=2030-01-01T00:00:00Z`)
  assert.equal([both.status, codeOf(both)], [422, 'validation_failed'])
})

type Life = { readonly id: string; readonly end_user_id: string; token: string }

/** What may happen to a device; a refusal is as good as anything. */
const steps = {
  bind: async ({ id, end_user_id }: Life) =>
    (await ask(`POST /v1/devices/${id}/bind`, { body: { end_user_id } })).body['device_token'],
  unbind: async ({ id }: Life) => (await ask(`POST /v1/devices/${id}/unbind`)).body['none'],
  rename: async ({ id }: Life) =>
    (await ask(`PATCH /v1/devices/${id}`, { body: { name: `N${Math.random()}` } })).body['none'],
  settings: async ({ id }: Life) => {
    const settings = { power: { auto_sleep_minutes: Math.floor(Math.random() * 9) } }
    return (await ask(`PATCH /v1/devices/${id}`, { body: { settings } })).body['none']
  },
  refresh: async ({ token }: Life) =>
    (await call(token, 'POST /v1/devices/me/token/refresh')).body['device_token'],
} as const
const names = Object.keys(steps) as (keyof typeof steps)[]
const lives = fc.array(fc.constantFrom(...names), { minLength: 1, maxLength: 8 })

test('at any time and revision it is the fold of the stream up to there', async () => {
  const property = fc.asyncProperty(lives, async (life) => {
    const device: Life = { id: await register(), end_user_id: await person(), token: 'none' }
    for (const name of life) device.token = String((await steps[name](device)) ?? device.token)
    await checkAgainstFold(device.id)
  })
  await fc.assert(property, { numRuns: 8 })
})

const checkAgainstFold = async (id: string): Promise<void> => {
  const [world, deviceId] = [parseId('proj_', project), parseId('dev_', id)]
  assert.ok(world && deviceId)
  const stream = deviceStream(world, deviceId)
  const { events } = await served.stage.ledger.history(stream, { count: 100, order: 'asc' })
  let state = initial
  for (const event of events) {
    state = device.evolve(state, event)
    assert.is.not(state.status, 'unknown')
    for (const query of [`revision=${event.revision}`, `at=${event.at}`]) {
      const answer = await ask(`GET /v1/devices/${id}/history?${query}`)
      const then = historyAtReply.parse(answer.body)
      assert.equal([then.revision, then.at], [event.revision, event.at], query)
      if (state.status === 'unknown' || !then.device) throw new Error('no device')
      assert.equal(
        [then.device.status, then.device.end_user_id, then.device.bound_at, then.device.updated_at],
        [
          state.status,
          state.binding?.endUserId ?? null,
          state.binding?.since ?? null,
          state.updatedAt,
        ],
        query,
      )
      assert.is(then.device.battery_percent, null)
    }
  }
  const now = await ask(`GET /v1/devices/${id}`)
  const last = await ask(`GET /v1/devices/${id}/history?revision=${events.length - 1}`)
  const then = last.body['device'] as Record<string, unknown>
  for (const member of ['status', 'end_user_id', 'name', 'settings', 'metadata', 'updated_at'])
    assert.equal(then[member], now.body[member], member)
}

test.after(served.end)
test.run()

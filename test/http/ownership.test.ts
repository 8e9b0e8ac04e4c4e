import fc from 'fast-check'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { parseId } from '../../protocol/ids.ts'
import { type Instant, plusMs } from '../../protocol/instant.ts'
import { deviceStream } from '../../src/store/streams.ts'
import { codeOf, customerOf, serve } from './served.ts'

const test = suite('ownership over HTTP')
const served = await serve()
const { test: project } = await served.newProject()
const { ask, register, person } = await customerOf(served, project)

type Owned = { device_id: string; binding_id: string; since: string; until: string | null }
const owner = async (id: string, query = '') =>
  (await ask(`GET /v1/devices/${id}/owner?${query}`)).body
const owned = async (id: string, query = '', headers = {}): Promise<readonly Owned[]> => {
  const { body } = await ask(`GET /v1/end-users/${id}/devices?${query}`, { headers })
  return body['data'] as Owned[]
}
const bind = (id: string, end_user_id: string | undefined) =>
  ask(`POST /v1/devices/${id}/bind`, { body: { end_user_id } })

const timesOf = async (id: string): Promise<readonly Instant[]> => {
  const [world, deviceId] = [parseId('proj_', project), parseId('dev_', id)]
  assert.ok(world && deviceId)
  const stream = deviceStream(world, deviceId)
  const { events } = await served.stage.ledger.history(stream, { count: 100, order: 'asc' })
  return events.flatMap(({ at }) => [plusMs(at, -1), at, plusMs(at, 1)])
}

test('whose a device was, from its stream', async () => {
  const [id, ada, bob] = [await register(), await person(), await person()]
  const first = await owner(id)
  const { at, known_at, ...nobody } = first
  assert.equal(nobody, {
    device_id: id,
    end_user_id: null,
    binding_id: null,
    since: null,
    until: null,
    revision: 0,
  })
  assert.is(at, known_at)
  await bind(id, ada)
  await ask(`POST /v1/devices/${id}/unbind`)
  const answer = await bind(id, bob)
  const now = await ask(`GET /v1/devices/${id}/owner`)
  assert.equal([now.body['end_user_id'], now.body['until']], [bob, null])
  assert.is(now.headers.get('position'), answer.headers.get('position'))
  const since = String(now.body['since'])
  const before = await owner(id, `at=${plusMs(since as Instant, -1)}`)
  assert.equal([before['end_user_id'], before['until']], [null, since])
  const then = await owner(id, `known_at=${before['since']}`)
  assert.equal(
    [then['end_user_id'], then['known_at'], then['revision']],
    [null, before['since'], 3],
  )
  const early = await owner(id, `known_at=${plusMs(before['since'] as Instant, -1)}`)
  assert.equal([early['end_user_id'], early['until'], early['revision']], [ada, null, 2])
  const never = await owner(id, 'known_at=2001-01-01T00:00:00Z')
  assert.equal([never['end_user_id'], never['revision']], [null, -1])
  const unknown = await ask(`GET /v1/devices/dev_${'0'.repeat(22)}/owner`)
  assert.equal([unknown.status, codeOf(unknown)], [404, 'not_found'])
  assert.is((await ask(`GET /v1/devices/${id}/owner?at=now`)).status, 422)
})

test('what a person owned, page by page, at one time', async () => {
  const ada = await person()
  const ids: string[] = []
  for (let n = 0; n < 3; n += 1) {
    const id = await register()
    await bind(id, ada)
    ids.unshift(id)
  }
  assert.equal(
    (await owned(ada)).map(({ device_id }) => device_id),
    ids,
  )
  const page = await ask(`GET /v1/end-users/${ada}/devices?limit=2`)
  await bind(await register(), ada)
  await ask(`POST /v1/devices/${ids[2]}/unbind`)
  const rest = await ask(
    `GET /v1/end-users/${ada}/devices?limit=2&cursor=${page.body['next_cursor']}`,
  )
  assert.equal(
    (rest.body['data'] as Owned[]).map(({ device_id }) => device_id),
    [ids[2]],
    'as it was when the first page was read',
  )
  assert.equal([rest.body['at'], rest.body['next_cursor']], [page.body['at'], null])
  assert.is((await ask(`GET /v1/end-users/eu_${'0'.repeat(22)}/devices`)).status, 404)
})

type Life = readonly { readonly device: number; readonly to: number }[]
const steps = fc.array(fc.record({ device: fc.nat({ max: 1 }), to: fc.nat({ max: 2 }) }), {
  minLength: 2,
  maxLength: 9,
})

type Moment = { readonly at: string; readonly headers: object }

const agree = async (id: string, people: readonly string[], { at, headers }: Moment) => {
  const { end_user_id, binding_id, since, until } = await owner(id, `at=${at}`)
  for (const someone of people) {
    const rows = await owned(someone, `at=${at}`, headers)
    assert.equal(
      rows.filter(({ device_id }) => device_id === id),
      end_user_id === someone ? [{ device_id: id, end_user_id, binding_id, since, until }] : [],
      `${id} ${someone} ${at}`,
    )
  }
}

/** The position of the last write. */
const live = async (devices: readonly string[], people: readonly string[], life: Life) => {
  let headers = {}
  for (const { device, to } of life) {
    const id = devices[device] ?? ''
    const answer = to < 2 ? await bind(id, people[to]) : await ask(`POST /v1/devices/${id}/unbind`)
    const position = answer.headers.get('position')
    if (position !== null) headers = { 'min-position': position }
  }
  return headers
}

test('the stream and the table agree at every moment', async () => {
  const property = fc.asyncProperty(steps, async (life) => {
    const devices = [await register(), await register()]
    const people = [await person(), await person()]
    const headers = await live(devices, people, life)
    const times = (await Promise.all(devices.map(timesOf))).flat()
    for (const at of times) for (const id of devices) await agree(id, people, { at, headers })
  })
  await fc.assert(property, { numRuns: 3 })
})

test.after(served.end)
test.run()

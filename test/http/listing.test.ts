import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { faultFieldCharsMax, faultsMax, metadataFiltersMax } from '../../protocol/limits.ts'
import { customerOf, errorOf, serve } from './served.ts'

const test = suite('lists over HTTP')
const served = await serve()
const { call } = served
const { ask, person } = await customerOf(served)

type List = { data: { id: string }[]; has_more: boolean; next_cursor: string | null }
const list = async (path: string): Promise<List> => {
  const answer = await ask(`GET ${path}`)
  if (answer.status !== 200) throw new Error(`${path}: ${JSON.stringify(answer.body)}`)
  return answer.body as unknown as List
}
const idsOf = async (path: string) => (await list(path)).data.map(({ id }) => id)

const add = async (n: number, body: object) => {
  const whole = { serial_number: `SN/${n} ä`, model: n % 2 ? 'bota_pin' : 'bota_note', ...body }
  const answer = await ask('POST /v1/devices', { body: whole })
  return { id: String(answer.body['id']), at: String(answer.body['created_at']) }
}
const devices = [
  await add(0, { metadata: { site: 'Zürich', lot: 7.5, ready: true } }),
  await add(1, { metadata: { site: 'Bern', lot: '7.5' } }),
  await add(2, { metadata: { site: 'Bern', '[x]': 'y' } }),
  await add(3, {}),
]
const [a, b, c, d] = devices.map(({ id }) => id)
const owner = await person()
const bind = await ask(`POST /v1/devices/${b}/bind`, { body: { end_user_id: owner } })
const beat = await call(String(bind.body['device_token']), 'POST /v1/devices/me/heartbeat')
await ask(`GET /v1/devices/${b}`, {
  headers: { 'min-position': beat.headers.get('position') ?? '' },
})

const q = encodeURIComponent
const filters: readonly (readonly [string, readonly (string | undefined)[]])[] = [
  ['', [d, c, b, a]],
  ['order=asc', [a, b, c, d]],
  ['status=bound', [b]],
  ['status=unbound', [d, c, a]],
  ['status=retired', []],
  [`end_user_id=${owner}`, [b]],
  ['end_user_id=nobody', []],
  ['model=bota_pin', [d, b]],
  ['model=no such', []],
  [`serial_number=${q('SN/2 ä')}`, [c]],
  ['online=true', [b]],
  ['online=false', [d, c, a]],
  ['metadata[site]=Bern', [c, b]],
  [`metadata[site]=${q('Zürich')}&metadata[ready]=true`, [a]],
  ['metadata[lot]=7.5', [b, a]],
  ['metadata[lot]=7', []],
  ['metadata[[x]]=y', [c]],
  ['metadata[constructor]=x', []],
  ['metadata[toString]=x', []],
  ['metadata[hasOwnProperty]=true', []],
  ['metadata[a][b]=x', []],
  [`created_from=${devices[2]?.at}`, [d, c]],
  [`created_to=${devices[2]?.at}`, [b, a]],
  [`created_from=${devices[1]?.at}&created_to=${devices[3]?.at}&model=bota_note`, [c]],
]
for (const [query, expected] of filters)
  test(`devices: ${query || 'all'}`, async () => {
    assert.equal(await idsOf(`/v1/devices?${query}`), expected)
  })

test('what is no filter is a fault', async () => {
  const many = Array.from({ length: metadataFiltersMax + 1 }, (_, n) => `metadata[k${n}]=1`)
  for (const query of [
    'status=lost',
    'online=1',
    'order=up',
    'created_from=yesterday',
    'metadata=7',
    `metadata[${'k'.repeat(41)}]=1`,
    many.join('&'),
  ])
    assert.is((await ask(`GET /v1/devices?${query}`)).status, 422, query)
  assert.is((await ask(`GET /v1/devices?${many.slice(1).join('&')}`)).status, 200)
})

test('a parameter that no route takes is refused and named, on every one', async () => {
  const long = 'x'.repeat(faultFieldCharsMax)
  for (const [query, names] of [
    ['end_user=eu_1', ['end_user']],
    ['Limit=2&LIMIT=3', ['Limit', 'LIMIT']],
    ['nobody[knows]=this&nobody[knows]=this', ['nobody']],
    ['__proto__=x&constructor=y&hasOwnProperty', ['__proto__', 'constructor', 'hasOwnProperty']],
    ['=x', ['']],
    [`${long}=1`, [long]],
    [`${long}y=1`, [long]],
  ] as const)
    for (const route of [
      'GET /v1/devices',
      'GET /v1/devices/stats',
      'GET /v1/end-users',
      'GET /v1/api-keys',
      `GET /v1/devices/${a}`,
      `GET /v1/devices/${a}/history`,
      `PATCH /v1/devices/${a}`,
    ]) {
      const answer = await ask(`${route}?${query}`)
      const { param, details } = errorOf(answer) as { param: string; details: { field: string }[] }
      assert.is(answer.status, 422, `${route}?${query}`)
      assert.is(param, names[0])
      assert.equal(new Set(details.map(({ field }) => field)), new Set(names))
    }
  const many = Array.from({ length: faultsMax + 1 }, (_, n) => `k${n}=1`).join('&')
  const all = errorOf(await ask(`GET /v1/devices?${many}`)) as { details: unknown[] }
  assert.is(all.details.length, faultsMax)
  const foreign = await call('garbage', 'GET /v1/devices?nobody=1')
  assert.is(foreign.status, 401, 'who may not ask learns nothing of names')
})

test('a filter that cannot be taken is refused and named, for else it would find everything', async () => {
  for (const [query, param] of [
    ['metadata[__proto__]=x', 'metadata.__proto__'],
    ['metadata[__proto__]=x&metadata[site]=Bern', 'metadata.__proto__'],
    ['metadata[__proto__][site]=x&metadata[__proto__][site]=y', 'metadata.__proto__][site'],
    ['metadata[]=x', 'metadata.'],
    ['metadata[site=Bern', 'metadata'],
    ['metadata[site]x=Bern', 'metadata'],
    ['metadata=Bern', 'metadata'],
    ['metadata=x&metadata[site]=Bern', 'metadata'],
    ['metadata[site]=Bern&metadata=x', 'metadata'],
    ['metadata[site]=Bern&metadata[site]=x', 'metadata.site'],
    ['status=bound&status=retired', 'status'],
    ['status[is]=bound', 'status'],
    ['limit=1&limit=2', 'limit'],
  ] as const)
    for (const path of ['/v1/devices', '/v1/end-users']) {
      if (path === '/v1/end-users' && query.startsWith('status')) continue
      const answer = await ask(`GET ${path}?${query}`)
      assert.equal([answer.status, errorOf(answer).param], [422, param], `${path}?${query}`)
    }
  const history = `GET /v1/devices/${a}/history`
  assert.is((await ask(`${history}?order=asc&order=desc`)).status, 422)
})

test('page by page in both orders, while others are added', async () => {
  for (const order of ['asc', 'desc']) {
    const before = await idsOf(`/v1/devices?order=${order}&model=bota_pin`)
    const seen: string[] = []
    let next: string | null = ''
    for (let n = 0; next !== null && n < 9; n += 1) {
      const cursor: string = next && `&cursor=${next}`
      const page = await list(`/v1/devices?order=${order}&model=bota_pin&limit=1${cursor}`)
      seen.push(...page.data.map(({ id }) => id))
      next = page.next_cursor
      if (n === 0 && order === 'desc') await add(101, {})
    }
    assert.equal(seen, before, order)
    assert.equal(await idsOf(`/v1/devices?order=${order}&model=bota_pin&offset=1&limit=1`), [
      (await idsOf(`/v1/devices?order=${order}&model=bota_pin`))[1],
    ])
  }
  const { next_cursor } = await list('/v1/devices?limit=1')
  for (const other of ['order=asc', 'model=bota_pin', 'online=true'])
    assert.is((await ask(`GET /v1/devices?${other}&cursor=${next_cursor}`)).status, 422, other)
})

test('end users: by external id, e-mail, metadata and time', async () => {
  const own = await customerOf(served)
  const ids = async (query: string) =>
    ((await own.ask(`GET /v1/end-users?${query}`)).body['data'] as { id: string }[]).map(
      ({ id }) => id,
    )
  const ada = await own.person({ external_id: 'a', email: 'a@example.com', metadata: { tier: 1 } })
  const bob = await own.person({ external_id: 'b', email: 'b@example.com', metadata: { tier: 2 } })
  const { created_at } = (await own.ask(`GET /v1/end-users/${bob}`)).body
  assert.equal(
    [
      await ids('external_id=a'),
      await ids('email=b@example.com'),
      await ids('metadata[tier]=1'),
      await ids(`created_from=${created_at}`),
      await ids(`created_to=${created_at}`),
      await ids('order=asc'),
      await ids(''),
      await ids('external_id=a&email=b@example.com'),
    ],
    [[ada], [bob], [ada], [bob], [ada], [ada, bob], [bob, ada], []],
  )
})

test.after(served.end)
test.run()

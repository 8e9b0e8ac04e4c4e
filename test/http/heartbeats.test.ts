import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { codeOf, customerOf, serve } from './served.ts'

const test = suite('heartbeat history over HTTP')
const served = await serve()
const { call } = served
const { ask, bound, register, key } = await customerOf(served)

type Beat = Readonly<Record<string, unknown>> & {
  readonly received_at: string
  readonly seq: number
}
type Page = { data: Beat[]; has_more: boolean; next_cursor: string | null }

const { id, token } = await bound()
let headers = {}
for (let seq = 1; seq <= 5; seq += 1) {
  const body = {
    boot: 1,
    seq,
    battery_percent: 80 + seq,
    device_name: 'Ada’s',
    at: 1_795_601_000_000,
  }
  const answer = await call(token, 'POST /v1/devices/me/heartbeat', { body })
  headers = { 'min-position': answer.headers.get('position') ?? '' }
}
const list = async (query = ''): Promise<Page> => {
  const answer = await ask(`GET /v1/devices/${id}/heartbeats?${query}`, { headers })
  if (answer.status !== 200) throw new Error(JSON.stringify(answer.body))
  return answer.body as unknown as Page
}
const seqs = async (query = '') => (await list(query)).data.map(({ seq }) => seq)

test('each as it was received, the newest first, without a name', async () => {
  const { data } = await list()
  const { received_at, ...newest } = data[0] ?? { received_at: '' }
  assert.ok(Math.abs(Date.parse(received_at) - Date.now()) < 60_000)
  assert.equal(newest, {
    via: 'http',
    boot: 1,
    seq: 5,
    device_at: new Date(1_795_601_000_000).toISOString(),
    battery_percent: 85,
    storage_used_mb: null,
    storage_total_mb: null,
    signal_strength_dbm: null,
    firmware_version: null,
    device_state: null,
    pending_recordings: null,
    flags: null,
    connection_type: null,
  } as object)
  assert.equal(await seqs('order=asc'), [1, 2, 3, 4, 5])
})

test('within a half-open range, page by page', async () => {
  const at = (await list('order=asc')).data.map(({ received_at }) => received_at)
  const within = at.filter((one) => one >= String(at[1]) && one < String(at[3])).length
  assert.is((await seqs(`from=${at[1]}&to=${at[3]}`)).length, within)
  assert.equal(await seqs('to=2001-01-01T00:00:00Z'), [])
  for (const order of ['asc', 'desc']) {
    const seen: number[] = []
    let next: string | null = ''
    for (let n = 0; next !== null && n < 9; n += 1) {
      const page: Page = await list(`limit=2&order=${order}${next && `&cursor=${next}`}`)
      seen.push(...page.data.map(({ seq }) => seq))
      assert.is(page.has_more, page.next_cursor !== null)
      next = page.next_cursor
    }
    assert.equal(seen, await seqs(`order=${order}`))
  }
  const { next_cursor } = await list('limit=2')
  const other = await ask(`GET /v1/devices/${id}/heartbeats?order=asc&cursor=${next_cursor}`)
  assert.equal([other.status, codeOf(other)], [422, 'validation_failed'])
})

test('what a key relayed stands there too; a device that is not there has none', async () => {
  const silent = await register()
  const none = await ask(`GET /v1/devices/${silent}/heartbeats`)
  assert.equal(none.body, { data: [], has_more: false, next_cursor: null })
  const beat = await call(key, `POST /v1/devices/${silent}/heartbeat`, { body: { flags: 1 } })
  const position = { 'min-position': beat.headers.get('position') ?? '' }
  const one = await ask(`GET /v1/devices/${silent}/heartbeats`, { headers: position })
  assert.equal(
    (one.body['data'] as Beat[]).map(({ boot, seq, flags }) => [boot, seq, flags]),
    [[null, null, 1]],
  )
  assert.is((await ask(`GET /v1/devices/dev_${'0'.repeat(22)}/heartbeats`)).status, 404)
  assert.is((await ask(`GET /v1/devices/${id}/heartbeats?from=then`)).status, 422)
  assert.is((await call(token, 'GET /v1/devices/me/heartbeats')).status, 403)
})

test('a position that is far ahead is waited for, and then told how far it is', async () => {
  const far = { 'min-position': '9000000000000000000' }
  const answer = await ask(`GET /v1/devices/${id}/heartbeats`, { headers: far })
  assert.equal([answer.status, codeOf(answer)], [503, 'projection_behind'])
  assert.match(answer.headers.get('position') ?? '', /^\d+$/)
})

test.after(served.end)
test.run()

import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { defaultSettings } from '../../protocol/settings.ts'
import { codeOf, customerOf, errorOf, serve } from './served.ts'

const test = suite('settings, state and stats over HTTP')
const served = await serve()
const { call } = served
const { ask, register, bound, key } = await customerOf(served)

test('settings: PATCH merges deeply, PUT replaces, both are versioned', async () => {
  const id = await register()
  const at = `/v1/devices/${id}/settings`
  const first = await ask(`GET ${at}`)
  const { updated_at, ...rest } = first.body
  assert.equal(rest, { device_id: id, settings: defaultSettings, settings_version: 0 })
  const merged = await ask(`PATCH ${at}`, {
    body: {
      connection: { power_management: { wifi_idle_timeout_seconds: 0 } },
      upload: { off_peak_hours: { enabled: true, start: '22:00', end: '06:00', timezone: 'UTC' } },
    },
  })
  const inForce = merged.body['settings'] as typeof defaultSettings
  assert.equal(
    [merged.status, merged.body['settings_version'], inForce.connection.power_management],
    [200, 1, { wifi_idle_timeout_seconds: 0, cellular_idle_timeout_seconds: 180 }],
  )
  assert.is.not(merged.body['updated_at'], updated_at)
  const again = await ask(`PATCH ${at}`, { body: { settings: { audio: { codec: 'opus' } } } })
  assert.equal(again.body, merged.body, 'a default that is said aloud changes nothing')
  const put = await ask(`PUT ${at}`, { body: { audio: { codec: 'wav' } } })
  assert.equal(put.body['settings'], {
    ...defaultSettings,
    audio: { ...defaultSettings.audio, codec: 'wav' },
  })
  assert.is(put.body['settings_version'], 2)
  const read = await ask(`GET ${at}`)
  assert.equal([read.body, read.headers.get('etag')], [put.body, put.headers.get('etag')])
  const whole = await ask(`GET /v1/devices/${id}`)
  assert.equal(whole.body['settings'], put.body['settings'])
  assert.is((await ask(`PUT ${at}`)).body['settings_version'], 3, 'nothing: the defaults')
})

test('settings: what is wrong is named, and If-Match compares the revision', async () => {
  const id = await register()
  const at = `/v1/devices/${id}/settings`
  const wrong = {
    'connection.power_management.wifi_idle_timeout_seconds': 9,
    'upload.streaming_chunk_kb': 63,
    'upload.streaming_flush_interval_seconds': 256,
    'upload.daily_data_limit_mb': 10_001,
    'audio.codec': 'mp3',
    'audio.sample_rate_khz': 44,
    'audio.bitrate_kbps': 7,
    'connection.upload_network_preference': ['wifi', 'wifi'],
    'upload.mode': 'auto',
  }
  for (const [path, value] of Object.entries(wrong)) {
    const body = path.split('.').reduceRight<unknown>((inner, name) => ({ [name]: inner }), value)
    for (const method of ['PUT', 'PATCH']) {
      const answer = await ask(`${method} ${at}`, { body })
      assert.equal([answer.status, errorOf(answer).details?.[0]?.field], [422, path])
    }
  }
  const etag = (await ask(`GET ${at}`)).headers.get('etag') ?? ''
  const headers = { 'if-match': etag }
  const body = { audio: { bitrate_kbps: 64 } }
  assert.is((await ask(`PATCH ${at}`, { body, headers })).status, 200)
  const stale = await ask(`PUT ${at}`, { body: {}, headers })
  assert.equal([stale.status, codeOf(stale)], [412, 'precondition_failed'])
  assert.is((await ask(`GET ${at}`, { headers: { 'if-none-match': etag } })).status, 200)
  for (const route of [`GET ${at}`, `PUT ${at}`, `PATCH ${at}`])
    assert.is((await ask(route.replace(id, `dev_${'0'.repeat(22)}`))).status, 404, route)
})

const beat = async (token: string, body: object): Promise<Record<string, string>> => {
  const answer = await call(token, 'POST /v1/devices/me/heartbeat', { body })
  return { 'min-position': answer.headers.get('position') ?? '' }
}

test('state and settings tell what the device last said', async () => {
  const { id, token } = await bound()
  const before = await ask(`GET /v1/devices/${id}/state`)
  assert.equal(before.body, {
    device_id: id,
    online: false,
    recording: { active: false, initiated_by: null },
    battery_percent: null,
    storage_used_mb: null,
    storage_total_mb: null,
    last_heartbeat_at: null,
  })
  const said = { battery_percent: 50, storage_used_mb: 1, storage_total_mb: 9 }
  const state = { device_state: 'recording', connection_type: ['ble', '4g'] }
  const headers = await beat(token, { ...said, ...state, signal_strength_dbm: -80 })
  const now = await ask(`GET /v1/devices/${id}/state`, { headers })
  const { last_heartbeat_at, ...rest } = now.body
  assert.equal(rest, {
    device_id: id,
    online: true,
    recording: { active: true, initiated_by: 'local' },
    ...said,
  })
  assert.ok(last_heartbeat_at)
  const settings = await ask(`GET /v1/devices/${id}/settings`)
  assert.equal(settings.body['current_status'], {
    network_type: '4g',
    signal_strength_dbm: -80,
    is_roaming: null,
    data_used_today_mb: null,
    ...said,
  })
  const etag = now.headers.get('etag') ?? ''
  const same = await ask(`GET /v1/devices/${id}/state`, { headers: { 'if-none-match': etag } })
  assert.is(same.status, 304)
  assert.is((await call(token, `GET /v1/devices/${id}/state`)).status, 403)
})

test('stats count the fleet, at the marks', async () => {
  const fleet = await customerOf(served)
  const empty = await fleet.ask('GET /v1/devices/stats')
  assert.equal(new Set(Object.values(empty.body)), new Set([0]))
  await fleet.register()
  const full = { storage_total_mb: 100 }
  const said = [
    { battery_percent: 14, storage_used_mb: 90, ...full },
    { battery_percent: 15, storage_used_mb: 91, ...full },
    { battery_percent: null },
  ]
  let headers = {}
  for (const each of said) {
    const { token } = await fleet.bound()
    if (each.battery_percent !== null) headers = await beat(token, each)
  }
  const retired = await fleet.bound()
  await fleet.ask(`DELETE /v1/devices/${retired.id}`)
  const counted = await fleet.ask('GET /v1/devices/stats', { headers })
  assert.equal(counted.body, {
    device_count: 4,
    bound_count: 3,
    unbound_count: 1,
    online_count: 2,
    low_battery_count: 1,
    storage_full_count: 1,
  })
  assert.equal((await call(key, 'GET /v1/devices/stats')).body['low_battery_count'], 0)
})

test('stats follow what becomes of each device, and a rebuild counts the same', async () => {
  const fleet = await customerOf(served)
  const [a, b] = [await fleet.bound(), await fleet.bound()]
  const low = { battery_percent: 3, storage_used_mb: 95, storage_total_mb: 100 }
  await beat(a.token, low)
  const stats = async (headers: Record<string, string>) => {
    const { body } = await fleet.ask('GET /v1/devices/stats', { headers })
    return Object.values(body)
  }
  assert.equal(await stats(await beat(b.token, low)), [2, 2, 0, 2, 2, 2])
  assert.equal(await stats(await beat(b.token, { battery_percent: 90 })), [2, 2, 0, 2, 1, 2])
  await fleet.ask(`POST /v1/devices/${b.id}/unbind`)
  await fleet.ask(`DELETE /v1/devices/${a.id}`)
  assert.equal(await stats({}), [1, 0, 1, 1, 0, 1])
  const models = ['devices', 'device_health']
  const equal = async () => {
    const outcome = await served.projector.rebuild(models)
    return outcome.kind === 'rebuilt' && outcome.models.every((model) => model.equal)
  }
  assert.ok(await equal())
  assert.equal(await stats({}), [1, 0, 1, 1, 0, 1])
  await served.stage.pool.query('update live.counts set rows = rows + 1')
  assert.not(await equal(), 'a count that was changed by hand is found')
  assert.equal(await stats({}), [1, 0, 1, 1, 0, 1])
  const before = await fleet.register()
  assert.equal(await stats({}), [2, 0, 2, 1, 0, 1], before)
})

test('nothing of what went wrong was unforeseen', async () => {
  assert.equal(
    served.lines.filter(({ level }) => level === 'error'),
    [],
  )
})

test.after(served.end)
test.run()

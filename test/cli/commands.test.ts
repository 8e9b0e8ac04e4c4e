import fc from 'fast-check'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { Histogram } from '../../src/cli/simulate/histogram.ts'
import { startLapelProcess } from '../support/lapel.ts'
import { runCli } from '../support/run-cli.ts'

const test = suite('command line on a running node')
const lapel = await startLapelProcess()
const json = (...args: readonly string[]) => lapel.cli(...args) as Promise<Record<string, unknown>>
const text = (...args: readonly string[]) => runCli(args, { LAPEL_DATA: lapel.data })

test('projects are made and listed', async () => {
  const [only] = (await lapel.cli('projects', 'list')) as { id_live: string }[]
  assert.match(only?.id_live ?? '', /^proj_/)
  const made = await json('projects', 'create', '--name', 'Second')
  assert.equal(Object.keys(made), ['id_live', 'id_test', 'name'])
  const refused = await text('keys', 'create', '--mode', 'test')
  assert.is(refused.code, 1)
  assert.match(refused.stderr, /--project/)
})

test('a second project is one command, and all four worlds are apart', async () => {
  const [first] = (await lapel.cli('projects', 'list')) as { id_live: string; id_test: string }[]
  const second = await json('projects', 'create', '--name', 'Apart')
  const keys: string[] = []
  for (const project of [first, second])
    for (const mode of ['live', 'test']) {
      const id = String(project?.[`id_${mode}` as 'id_live'])
      const headers = { 'lapel-project': id }
      const made = await lapel.call(lapel.node.admin, 'POST /internal/api-keys', {}, headers)
      assert.equal([made.body['mode'], made.body['project_id']], [mode, id])
      keys.push(String(made.body['key']))
    }
  const ids: string[] = []
  for (const key of keys) {
    const body = { serial_number: 'SAME', model: 'pin' }
    const { status, body: device } = await lapel.call(key, 'POST /v1/devices', body)
    assert.equal([status, device['generation']], [201, 1])
    ids.push(String(device['id']))
  }
  for (const [n, key] of keys.entries())
    for (const [m, id] of ids.entries())
      assert.is((await lapel.call(key, `GET /v1/devices/${id}`)).status, n === m ? 200 : 404)
})

test('a key works when the command returns, is rotated, and is dead when revoked', async () => {
  const [first] = (await lapel.cli('projects', 'list')) as { id_test: string }[]
  const project = first?.id_test ?? ''
  const made = await json(
    'keys',
    'create',
    '--mode',
    'test',
    '--project',
    project,
    '--name',
    'CI',
    '--scopes',
    'devices:read',
  )
  assert.equal(Object.keys(made), [
    'id',
    'key',
    'mode',
    'project_id',
    'name',
    'scopes',
    'hint',
    'created_at',
  ])
  assert.equal(
    [made['mode'], made['project_id'], made['name'], made['scopes']],
    ['test', project, 'CI', ['devices:read']],
  )
  assert.match(String(made['key']), /^rk_test_[0-9A-Za-z]{50}$/)
  assert.is((await lapel.call(String(made['key']), 'GET /v1/devices')).status, 200)
  assert.is((await lapel.call(String(made['key']), 'POST /v1/devices', {})).status, 403)
  const rotated = await json('keys', 'rotate', String(made['id']), '--project', project)
  assert.is.not(rotated['key'], made['key'])
  for (const key of [made['key'], rotated['key']])
    assert.is((await lapel.call(String(key), 'GET /v1/devices')).status, 200)
  await json('keys', 'revoke', String(made['id']), '--project', project)
  assert.is((await lapel.call(String(rotated['key']), 'GET /v1/devices')).status, 401)
})

test('devices are listed, shown, bound, unbound, and their history told', async () => {
  const [first] = (await lapel.cli('projects', 'list')) as { id_test: string }[]
  const project = first?.id_test ?? ''
  const { key } = await json('keys', 'create', '--mode', 'test', '--project', project)
  const device = await lapel.call(String(key), 'POST /v1/devices', {
    serial_number: 'CLI-1',
    model: 'pin',
  })
  const person = await lapel.call(String(key), 'POST /v1/end-users', { name: 'Ada' })
  const [id, endUser] = [String(device.body['id']), String(person.body['id'])]
  const bound = await json('devices', 'bind', id, '--end-user', endUser, '--project', project)
  assert.match(String(bound['device_token']), /^dtok_/)
  const shown = await text('devices', 'show', id, '--project', project)
  assert.match(shown.stdout, /status +bound/)
  const again = await text('devices', 'bind', id, '--end-user', endUser, '--project', project)
  assert.is(again.code, 1)
  assert.match(again.stderr, /device_already_bound/)
  await json('devices', 'unbind', id, '--project', project)
  const history = await text('devices', 'history', id, '--project', project)
  assert.match(history.stdout, /DeviceTokenRevoked[\s\S]*DeviceRegistered/)
  const list = await text('devices', 'list', '--project', project)
  assert.match(list.stdout, /CLI-1/)
  const missing = await text('devices', 'show', 'dev_0000000000000000000000', '--project', project)
  assert.equal([missing.code, /not_found/.test(missing.stderr)], [1, true])
})

test('simulate streams as firmware would, and measures it', async () => {
  const [first] = (await lapel.cli('projects', 'list')) as { id_test: string }[]
  const { key } = await json('keys', 'create', '--mode', 'test', '--project', first?.id_test ?? '')
  const { code, stdout } = await runCli(
    [
      'simulate',
      '--devices',
      '5',
      '--rate',
      '50',
      '--seconds',
      '2',
      '--json',
      '--url',
      lapel.http,
      '--mqtt',
      `127.0.0.1:${lapel.mqttPort}`,
    ],
    { LAPEL_API_KEY: String(key) },
  )
  assert.is(code, 0)
  const done = JSON.parse(stdout)
  assert.equal(Object.keys(done), [
    'devices',
    'sent',
    'acked',
    'errors',
    'seconds',
    'rate',
    'puback_ms',
    'lag_ms',
  ])
  assert.equal([done.devices, done.errors], [5, 0])
  assert.ok(done.sent >= 80 && done.acked >= 80 && done.puback_ms.p50 > 0)
})

test('simulate records too, and what it downloads is what its devices recorded', async () => {
  const [first] = (await lapel.cli('projects', 'list')) as { id_test: string }[]
  const { key } = await json('keys', 'create', '--mode', 'test', '--project', first?.id_test ?? '')
  const at = ['--url', lapel.http, '--mqtt', `127.0.0.1:${lapel.mqttPort}`]
  const size = ['--devices', '2', '--rate', '4', '--seconds', '1']
  const env = { LAPEL_API_KEY: String(key) }
  const { code, stdout, stderr } = await runCli(
    ['simulate', '--recordings', '--json', ...size, ...at],
    env,
  )
  assert.is(code, 0, stderr)
  const { recordings: done } = JSON.parse(stdout)
  assert.ok(done.recordings >= 2 && done.announced >= 2)
  // The first device's line breaks in its first recording, the second one's power goes.
  assert.ok(done.disconnects >= 1 && done.power_cuts >= 1)
  assert.equal(
    [done.stored, done.verified, done.stitched, done.mismatches, done.unfinished],
    [done.announced, done.announced, done.recordings, 0, 0],
  )
})

test('rebuild folds the log anew, and finds it equal', async () => {
  const rows = (await lapel.cli('rebuild')) as {
    projection: string
    equal: boolean
    fingerprint: string
  }[]
  assert.ok(
    rows.length >= 10 &&
      rows.some(({ projection }) => projection === 'heartbeats') &&
      rows.every(({ equal, fingerprint }) => equal && /^[0-9a-f]{64}$/.test(fingerprint)),
  )
})

test('a quantile is right to within a few per cent', () => {
  fc.assert(
    fc.property(
      fc.array(fc.double({ min: 0.1, max: 10_000, noNaN: true }), { minLength: 1, maxLength: 300 }),
      (values) => {
        const histogram = new Histogram()
        for (const value of values) histogram.add(value)
        const sorted = [...values].sort((a, b) => a - b)
        for (const q of [0.5, 0.99, 1]) {
          const exact = sorted[Math.ceil(sorted.length * q) - 1] ?? 0
          assert.ok(Math.abs(histogram.quantile(q) / exact - 1) < 0.05, `${q} of ${values}`)
        }
      },
    ),
  )
})

test('SIGTERM is an orderly stop, and node.json is gone', async () => {
  assert.is(await lapel.stop(), 0)
  const { code, stderr } = await text('devices', 'list')
  assert.equal([code, /no node runs/.test(stderr)], [1, true])
})

test.after(lapel.remove)

test.run()

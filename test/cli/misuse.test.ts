import { execFile } from 'node:child_process'
import { chmod, mkdir, writeFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import {
  simulatedDevicesMax,
  simulatedRateMax,
  simulatedSecondsMax,
} from '../../protocol/limits.ts'
import { runCli } from '../support/run-cli.ts'
import { temporaryFolder } from '../support/temporary-folder.ts'

const test = suite('command line: help, misuse, refusals')
const folder = await temporaryFolder()
const run = (...args: readonly string[]) =>
  runCli(args, { LAPEL_DATA: folder.path, LAPEL_API_KEY: '' })

const commands = [
  'serve',
  'projects create',
  'projects list',
  'keys create',
  'keys list',
  'keys rotate',
  'keys revoke',
  'devices list',
  'devices show',
  'devices bind',
  'devices unbind',
  'devices history',
  'simulate',
  'rebuild',
  'backup',
  'restore',
  'audit verify-recording',
  'eventstore',
  'eventstore copy',
  'eventstore backup',
  'eventstore verify',
  'objectstore',
  'config',
]

test('every command explains itself, and can print JSON', async () => {
  const shown = await Promise.all(commands.map((command) => run(...command.split(' '), '--help')))
  for (const [i, { code, stdout }] of shown.entries()) {
    assert.is(code, 0, commands[i])
    assert.match(stdout, new RegExp(`^Usage: lapel ${commands[i]}`))
    assert.match(stdout, /--json/, commands[i])
  }
})

test('a node that may not use what it finds says so in a sentence', async () => {
  const data = join(folder.path, 'refused')
  await mkdir(join(data, 'objects'), { recursive: true })
  const file = join(data, 'objects', 'credentials.json')
  const elsewhere = {
    DATABASE_URL: 'postgres://nobody@127.0.0.1:1/x',
    EVENTSTORE_URL: 'esdb://127.0.0.1:1?tls=false',
  }
  for (const [text, mode, why] of [
    ['{}', 0o644, 'can be read by others: chmod 600 it, or remove it for new keys'],
    ['garbage', 0o600, 'holds no keys: remove it for new ones'],
    ['null', 0o600, 'holds no keys: remove it for new ones'],
    ['{"access_key_id":"A"}', 0o600, 'holds no keys: remove it for new ones'],
  ] as const) {
    await writeFile(file, text)
    await chmod(file, mode)
    const { code, stderr } = await runCli(['serve'], { LAPEL_DATA: data, ...elsewhere })
    assert.equal([code, stderr], [1, `${file} ${why}\n`])
  }
})

const misuses: readonly (readonly string[])[] = [
  ['frobnicate'],
  ['serve', '--frobnicate'],
  ['keys', 'create'],
  ['keys', 'create', '--mode', 'both'],
  ['keys', 'create', '--mode', 'test', '--scopes', 'devices:fly'],
  ['devices', 'show'],
  ['devices', 'bind', 'dev_x'],
  ['projects', 'create'],
  ['simulate', '--devices', '0'],
  ['simulate', '--devices', String(simulatedDevicesMax + 1)],
  ['simulate', '--rate', String(simulatedRateMax + 1)],
  ['simulate', '--seconds', String(simulatedSecondsMax + 1)],
  ['simulate', '--rate', 'fast'],
  ['eventstore', '--port', '65536', '--data', folder.path],
  ['objectstore', '--port', '65536', '--data', folder.path],
  ['objectstore', '--port', '0'],
  ['objectstore', '--port', '0', '--data', folder.path, '--events', 'http://127.0.0.1:1/'],
  ['keys', 'list', '--url', 'http://127.0.0.1:1'],
]

test('misuse ends with 2, and says on standard error what is wrong', async () => {
  const ended = await Promise.all(misuses.map((args) => run(...args)))
  for (const [i, { code, stdout, stderr }] of ended.entries()) {
    assert.is(code, 2, `${misuses[i]?.join(' ')}: ${stderr}`)
    assert.is(stdout, '')
    assert.match(stderr, /--help says how/)
  }
})

test('without a node a command says where it looked and what to do', async () => {
  const { code, stderr } = await run('keys', 'list')
  assert.is(code, 1)
  assert.ok(stderr.includes(folder.path) && stderr.includes('npm start'))
})

test('an address that nobody answers at is named', async () => {
  const { code, stderr } = await runCli(['devices', 'list', '--url', 'http://127.0.0.1:1'], {
    LAPEL_API_KEY: 'sk_test_x',
  })
  assert.is(code, 1)
  assert.match(stderr, /http:\/\/127\.0\.0\.1:1 cannot be reached/)
})

test('a reader that goes first is no fault', async () => {
  const line = `"${process.execPath}" bin/lapel.js config | true; echo "\${PIPESTATUS[0]}"`
  const { stdout, stderr } = await promisify(execFile)('bash', ['-c', line], {
    env: { ...process.env, LAPEL_DATA: folder.path },
  })
  assert.equal([stdout, stderr], ['0\n', ''])
})

test('all faults of a configuration are listed at once', async () => {
  const env = {
    LAPEL_DATA: folder.path,
    LAPEL_HTTP: 'nonsense',
    LAPEL_RATE_KEY: 'x',
    LAPEL_TLS_CERT: 'a',
  }
  for (const command of ['serve', 'config']) {
    const { code, stderr } = await runCli([command], env)
    assert.is(code, 1)
    for (const variable of ['LAPEL_HTTP', 'LAPEL_RATE_KEY', 'LAPEL_TLS_CERT'])
      assert.ok(stderr.includes(variable))
  }
})

test('the configuration is printed without its secrets', async () => {
  const env = {
    LAPEL_DATA: folder.path,
    DATABASE_URL: 'postgres://lapel:hunter2@db:5432/lapel',
    EVENTSTORE_URL: 'esdb://admin:hunter3@es:2113?tls=false',
  }
  for (const args of [['config'], ['config', '--json']]) {
    const { code, stdout } = await runCli(args, env)
    assert.is(code, 0)
    assert.not.match(stdout, /hunter/)
    assert.match(stdout, /DATABASE_URL/)
  }
})

test('a taken port is an error that names it and its variable', async () => {
  const taken = createServer()
  await new Promise<void>((resolve) => taken.listen(0, '127.0.0.1', resolve))
  const { port } = taken.address() as { port: number }
  const at = `127.0.0.1:${port}`
  const env = {
    LAPEL_DATA: folder.path,
    LAPEL_HTTP: at,
    LAPEL_MQTT: '127.0.0.1:0',
    LAPEL_LOG: 'silent',
  }
  const { code, stderr } = await runCli(['serve'], env)
  taken.close()
  assert.is(code, 1)
  assert.ok(stderr.includes(at) && stderr.includes('LAPEL_HTTP'), stderr)
})

test.after(folder.remove)

test.run()

import { execFile, spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { customerOf, serve } from './http/served.ts'

const test = suite('the clients in docs/')
const served = await serve()
const { key } = await customerOf(served)
const root = fileURLToPath(new URL('../', import.meta.url))

const tour = async (program: string, file: string): Promise<unknown> => {
  const { stdout } = await promisify(execFile)(program, [`docs/clients/${file}`], {
    cwd: root,
    env: { ...process.env, LAPEL_URL: served.url, LAPEL_API_KEY: key },
    timeout: 60_000,
  })
  return JSON.parse(stdout)
}

const expected = {
  devices: 1,
  newest: 'DeviceTokenIssued',
  refused: 'device_already_bound',
  status: 'unbound',
}

test('TypeScript, on fetch alone', async () => {
  assert.equal(await tour(process.execPath, 'lapel.ts'), expected)
})

// Python is on most machines, and is not asked of one that tests Lapel.
if (spawnSync('python3', ['--version']).status === 0)
  test('Python, on the standard library alone', async () => {
    assert.equal(await tour('python3', 'lapel.py'), expected)
  })

test.after(served.end)
test.run()

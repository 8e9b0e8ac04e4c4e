import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { brokerRows } from './broker-rows.ts'

// An attack that nobody falls for proves nothing: each of these succeeds against a stock broker.

const test = suite('attacks on a stock broker')
const program = fileURLToPath(new URL('stock-aedes.ts', import.meta.url))
const child = spawn(process.execPath, [program], { stdio: ['ignore', 'pipe', 'inherit'] })
const [line] = await once(child.stdout, 'data')
const target = {
  port: Number(String(line)),
  pid: child.pid ?? 0,
  device: async () => ({ id: 'me', token: 'any', endUser: '' }),
}

for (const { attack, measure } of brokerRows)
  test(`succeeds: ${attack}`, async () => {
    const { held, value } = await measure(target)
    assert.not.ok(held, value)
  })

test.after(() => {
  child.kill('SIGKILL')
})

test.run()

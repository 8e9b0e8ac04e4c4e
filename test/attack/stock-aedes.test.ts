import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { brokerRows } from './broker-rows.ts'
import { sessionRows } from './session-rows.ts'
import { startSideProgram } from './side-program.ts'

// An attack that nobody falls for proves nothing: each of these succeeds against a stock broker.

const test = suite('attacks on a stock broker')
const stock = await startSideProgram('stock-aedes.ts')
const target = {
  ...stock,
  device: async () => ({ id: 'me', token: 'any', endUser: '' }),
}

for (const { attack, measure } of [...brokerRows, ...sessionRows])
  test(`succeeds: ${attack}`, async () => {
    const { held, value } = await measure(target)
    assert.not.ok(held, value)
  })

test.after(stock.end)

test.run()

import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { brokerRows } from './broker-rows.ts'
import { edgeRows } from './edge-rows.ts'
import type { Target } from './row.ts'
import { sessionRows } from './session-rows.ts'
import { startSideProgram } from './side-program.ts'

// An attack that nobody falls for proves nothing: each of these succeeds against a stock broker.

const test = suite('attacks on a stock broker')
const [first, second] = [
  await startSideProgram('stock-aedes.ts'),
  await startSideProgram('stock-aedes.ts'),
]

const targetOf = ({ port, pid, tell }: typeof first): Target => ({
  port,
  pid,
  device: async () => ({ id: 'me', token: 'any', endUser: '' }),
  stall: async () => {
    await tell('stand still')
    return () => void tell('go on')
  },
})

for (const [target, rows] of [
  [targetOf(first), [...brokerRows, ...sessionRows]],
  [targetOf(second), edgeRows],
] as const)
  for (const { attack, measure } of rows)
    test(`succeeds: ${attack}`, async () => {
      const { held, value } = await measure(target)
      assert.not.ok(held, value)
    })

test.after(() => {
  first.end()
  second.end()
})

test.run()

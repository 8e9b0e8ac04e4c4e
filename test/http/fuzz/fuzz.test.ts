import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { described } from '../requests-of.ts'
import { serve } from '../served.ts'
import { fuzz } from './fuzz.ts'

const test = suite('fuzz of every route from its OpenAPI')
const served = await serve()

test('whatever is sent is answered as described, in time, and with no 5xx', async () => {
  const { statuses, routes } = await fuzz(served, { requests: 500, seed: Date.now() % 2 ** 31 })
  assert.ok(routes > described.length * 0.8)
  for (const status of [200, 401, 403, 404, 422]) assert.ok(statuses.has(status), `${status}`)
  assert.equal(
    served.lines.filter(({ level }) => level === 'error'),
    [],
  )
})

test.after(served.end)
test.run()

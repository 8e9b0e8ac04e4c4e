import { getEventListeners } from 'node:events'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { pause } from '../../src/projecting/pause.ts'

test('a signal that outlives many pauses keeps none of them', async () => {
  const { signal } = new AbortController()
  for (let n = 0; n < 3; n += 1) await pause(1, signal)
  assert.is(getEventListeners(signal, 'abort').length, 0)
})

test('the signal ends it, and one that was given before does not let it begin', async () => {
  const ending = new AbortController()
  const paused = pause(3_600_000, ending.signal)
  assert.is(getEventListeners(ending.signal, 'abort').length, 1)
  ending.abort()
  await paused
  await pause(3_600_000, ending.signal)
  assert.is(getEventListeners(ending.signal, 'abort').length, 0)
})

test.run()

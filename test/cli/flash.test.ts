import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import type { DownWatermark } from '../../protocol/recording-payloads.ts'
import { KeptRecording } from '../../src/cli/simulate/flash.ts'

const test = suite('a recording in the flash of a simulated device')

test('one that lost a chunk is done when its end was taken, not when its gap alone is known', () => {
  const kept = new KeptRecording('dev_1234567890123456789012', { boot: 1, chunkBytes: 2_048 })
  for (const isLast of [false, false, true]) kept.add(isLast)
  kept.lose(1)
  // Of three chunks the first alone was announced.
  const watermark: DownWatermark = {
    recording_id: kept.id,
    stored_up_to: 0,
    missing: [[1, 1]],
    complete: false,
    status: 'recording',
  }
  kept.take(watermark)
  assert.is(kept.isDone, false)
  kept.takeEnd(true)
  assert.is(kept.isDone, true)
  kept.take({ ...watermark, missing: [[1, 2]] })
  assert.is(kept.isDone, false)
  kept.take(watermark)
  kept.takeEnd(false)
  assert.is(kept.isDone, false)
})

test.run()

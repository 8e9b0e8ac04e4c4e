import fc from 'fast-check'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { type BootWindow, initialWindow, meet } from '../../protocol/boot-window.ts'
import { EdgeWindow } from '../../src/ingest/edge-window.ts'

const test = suite('edge window')

const numbers = fc.array(
  fc.tuple(fc.oneof(fc.nat(3), fc.constantFrom('a', 'b')), fc.oneof(fc.nat(20), fc.nat(2_000))),
  { maxLength: 200 },
)

test('it says of every message what the window of the read model says', () => {
  fc.assert(
    fc.property(numbers, (messages) => {
      let window: BootWindow = initialWindow
      const edge = new EdgeWindow()
      for (const [boot, seq] of messages) {
        const met = meet(window, boot, seq)
        assert.is(edge.verdict(boot, seq), met.verdict)
        edge.stored(boot, seq)
        window = met.window
      }
    }),
    { numRuns: 500 },
  )
})

test('it goes on from what the read model knows', () => {
  fc.assert(
    fc.property(numbers, numbers, (before, after) => {
      const window = before.reduce((now, [boot, seq]) => meet(now, boot, seq).window, initialWindow)
      const edge = new EdgeWindow(window)
      for (const [boot, seq] of after.slice(0, 1))
        assert.is(edge.verdict(boot, seq), meet(window, boot, seq).verdict)
    }),
    { numRuns: 500 },
  )
})

test.run()

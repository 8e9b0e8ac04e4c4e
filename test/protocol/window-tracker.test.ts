import fc from 'fast-check'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { type BootWindow, initialWindow, meet } from '../../protocol/boot-window.ts'
import { WindowTracker } from '../../protocol/window-tracker.ts'

const test = suite('window tracker')

const numbers = fc.array(
  fc.tuple(fc.oneof(fc.nat(3), fc.constantFrom('a', 'b')), fc.oneof(fc.nat(20), fc.nat(2_000))),
  { maxLength: 200 },
)

test('it says of every message what the window of the read model says', () => {
  fc.assert(
    fc.property(numbers, (messages) => {
      let window: BootWindow = initialWindow
      const tracker = new WindowTracker()
      for (const [boot, seq] of messages) {
        const met = meet(window, boot, seq)
        assert.is(tracker.verdict(boot, seq), met.verdict)
        assert.is(tracker.meet(boot, seq), met.verdict)
        assert.equal(tracker.value(), met.window)
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
      const tracker = new WindowTracker(window)
      assert.equal(tracker.value(), window)
      after.reduce((now, [boot, seq]) => {
        const met = meet(now, boot, seq)
        assert.is(tracker.meet(boot, seq), met.verdict)
        return met.window
      }, window)
    }),
    { numRuns: 500 },
  )
})

test.run()

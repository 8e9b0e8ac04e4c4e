import { setImmediate as turnOfTheLoop } from 'node:timers/promises'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { createTurns } from '../../src/mqtt/turns.ts'

const test = suite('turns of the loop')

test('one a turn, in the order of asking, and again when nobody waited', async () => {
  const turn = createTurns()
  for (let round = 0; round < 2; round += 1) {
    const had: number[] = []
    const each = [1, 2, 3].map((one) => turn().then(() => had.push(one)))
    for (let turns = 1; turns <= 3; turns += 1) {
      await turnOfTheLoop()
      assert.equal(had, [1, 2, 3].slice(0, turns))
    }
    await Promise.all(each)
  }
})

test.run()

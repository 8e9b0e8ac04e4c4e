import { test } from 'uvu'
import * as assert from 'uvu/assert'
import type { Decoded } from '../../src/projecting/decode.ts'
import { joined } from '../../src/projecting/joined.ts'
import type { Taken } from '../../src/projecting/take-batch.ts'

const batch = (...positions: readonly number[]): Taken => ({
  decoded: positions.map((at): Decoded => ({ kind: 'nothing', position: BigInt(at) })),
  to: BigInt(positions.at(-1) ?? 0),
  caughtUp: false,
})

/** Batches that come when they are given. */
const source = () => {
  const given: Taken[] = []
  let wake = () => {}
  let over = false
  return {
    give: (...batches: readonly Taken[]) => {
      given.push(...batches)
      wake()
    },
    end: () => {
      over = true
      wake()
    },
    batches: (async function* () {
      for (;;) {
        const next = given.shift()
        if (next) yield next
        else if (over) return
        else
          await new Promise<void>((resolve) => {
            wake = resolve
          })
      }
    })(),
  }
}

const monotonic = () => performance.now()
const hour = 3_600_000
/** Odd ones wait for an hour, even ones not at all. */
const byLast = ({ to }: Taken): number => ((to ?? 0n) % 2n === 0n ? 0 : hour)

const positionsOf = ({ decoded }: Taken): readonly number[] =>
  decoded.map(({ kind, ...one }) => ('position' in one ? Number(one.position) : -1))

const nextOf = async (batches: AsyncGenerator<Taken>): Promise<readonly number[] | 'end'> => {
  const { value, done } = await batches.next()
  return done ? 'end' : positionsOf(value)
}

test('what may not wait is there at once, alone', async () => {
  const { give, batches } = source()
  const out = joined(batches, byLast, monotonic)
  give(batch(2), batch(4, 6))
  assert.equal(await nextOf(out), [2])
  assert.equal(await nextOf(out), [4, 6])
})

test('what may wait takes in what comes, until one comes that may not', async () => {
  const { give, end, batches } = source()
  const out = joined(batches, byLast, monotonic)
  const first = nextOf(out)
  give(batch(1))
  await new Promise((resolve) => setImmediate(resolve))
  give(batch(3, 5), batch(6), batch(8))
  assert.equal(await first, [1, 3, 5, 6])
  assert.equal(await nextOf(out), [8])
  end()
  assert.is(await nextOf(out), 'end')
})

test('what waited long enough comes alone, and the next begins anew', async () => {
  const { give, batches } = source()
  const out = joined(batches, ({ to }) => (to === 1n ? 20 : 0), monotonic)
  let came = false
  const first = nextOf(out).finally(() => {
    came = true
  })
  give(batch(1))
  // Between microtasks no timer ends a wait, however late the clock of this machine.
  for (let turn = 0; turn < 100; turn += 1) await null
  assert.not.ok(came)
  assert.equal(await first, [1])
  give(batch(2))
  assert.equal(await nextOf(out), [2])
})

test('nobody waits longer for a second that may wait longer', async () => {
  const { give, batches } = source()
  const waits = new Map([
    [1n, 20],
    [3n, hour],
  ])
  // A clock that stands: however long this thread is held up, the second is there in time.
  const out = joined(
    batches,
    ({ to }) => waits.get(to ?? 0n) ?? 0,
    () => 0,
  )
  give(batch(1), batch(3))
  assert.equal(await nextOf(out), [1, 3])
})

test('where they were caught up is not lost, nor how far they were read', async () => {
  const { give, batches } = source()
  const out = joined(batches, ({ caughtUp }) => (caughtUp ? 0 : hour), monotonic)
  give(batch(1), { decoded: [], to: undefined, caughtUp: true })
  const { value } = await out.next()
  assert.equal(positionsOf(value), [1])
  assert.is(value.to, 1n)
  assert.is(value.caughtUp, true)
})

test('the end gives what waits; a failure is passed on', async () => {
  const { give, end, batches } = source()
  const out = joined(batches, byLast, monotonic)
  give(batch(1))
  end()
  assert.equal(await nextOf(out), [1])
  assert.is(await nextOf(out), 'end')

  const failing = joined(
    (async function* () {
      yield batch(2)
      throw new Error('lost')
    })(),
    byLast,
    monotonic,
  )
  assert.equal(await nextOf(failing), [2])
  const error = await nextOf(failing).catch((met: Error) => met)
  assert.is((error as Error).message, 'lost')
})

test.run()

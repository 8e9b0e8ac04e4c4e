import * as fc from 'fast-check'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { HeartbeatNumbering, type KeptNumbering } from '../../projections/heartbeat-numbering.ts'
import { type Placed, type Run, Runs } from '../../projections/heartbeat-runs.ts'
import { heartbeatBootsMax, heartbeatsPerRunMax } from '../../protocol/limits.ts'

const test = suite('runs of heartbeats')
const noon = Date.parse('2026-11-22T12:00:00.000Z')
const dayMs = 86_400_000

type Beat = {
  readonly d: string
  readonly ms: number
  readonly boot?: number
  readonly seq?: number
}

const placed = ({ d, ms, boot, seq }: Beat, position: number): Placed => ({
  device: d,
  project: 'proj_a',
  position: String(position),
  entry: 0,
  ms,
  boot: boot === undefined ? undefined : String(boot),
  seq,
  text: String(position),
})

/** As a follower would that forgets between the batches whatever is not in the rows. */
const written = (batches: readonly (readonly Beat[])[], forgets: boolean): readonly Run[] => {
  const kept = new Map<string, KeptNumbering>()
  const held = new Map<string, HeartbeatNumbering>()
  const rows: Run[] = []
  let position = 0
  for (const batch of batches) {
    if (forgets) held.clear()
    const runs = new Runs((device) => {
      const known = held.get(device) ?? new HeartbeatNumbering(kept.get(device))
      held.set(device, known)
      return known
    })
    for (const beat of batch) {
      position += 1
      runs.add(placed(beat, position))
    }
    for (const run of runs.ended()) {
      rows.push(JSON.parse(JSON.stringify(run)))
      if (run.numbering) kept.set(run.device, JSON.parse(JSON.stringify(run.numbering)))
    }
  }
  return rows
}

const beatsOf = (rows: readonly Run[], device: string): readonly string[] =>
  rows.filter((row) => row.device === device).flatMap((row) => row.beats)

test('however the log is cut into batches, and whatever is forgotten between them, the same are kept in the same order', () => {
  const beat = fc.record(
    {
      d: fc.constantFrom('dev_a', 'dev_b'),
      ms: fc.integer({ min: 0, max: 40 }).map((hours) => noon + hours * 3_600_000),
      boot: fc.integer({ min: 1, max: heartbeatBootsMax + 2 }),
      seq: fc.integer({ min: 0, max: 6 }),
    },
    { requiredKeys: ['d', 'ms'] },
  )
  void fc.assert(
    fc.property(fc.array(fc.array(beat, { maxLength: 6 }), { maxLength: 8 }), (batches) => {
      const whole = written([batches.flat()], false)
      for (const forgets of [false, true])
        for (const device of ['dev_a', 'dev_b'])
          assert.equal(beatsOf(written(batches, forgets), device), beatsOf(whole, device))
    }),
    { numRuns: 500 },
  )
})

const series = (count: number, ms = noon): Beat[] =>
  Array.from({ length: count }, (_, seq) => ({ d: 'dev_a', ms: ms + seq, boot: 1, seq }))

test(`a run holds ${heartbeatsPerRunMax} at most, and the last of a batch what was met`, () => {
  assert.is(written([series(heartbeatsPerRunMax)], false).length, 1)
  const two = written([series(heartbeatsPerRunMax + 1)], false)
  assert.equal(
    two.map(({ beats, numbering }) => [beats.length, numbering?.boots[0]?.high ?? null]),
    [
      [heartbeatsPerRunMax, null],
      [1, heartbeatsPerRunMax],
    ],
  )
})

test('a run stays within its day', () => {
  const midnight = Date.parse('2026-11-23T00:00:00.000Z')
  const rows = written([series(4, midnight - 2)], false)
  assert.equal(
    rows.map(({ receivedMs, untilMs }) => [receivedMs - midnight, untilMs - midnight]),
    [
      [-2, -1],
      [0, 1],
    ],
  )
})

test(`a repeat of one of the last ${heartbeatBootsMax} boots is told, of one before no more`, () => {
  const boots = Array.from({ length: heartbeatBootsMax }, (_, at) => at + 1)
  const once = boots.map((boot) => ({ d: 'dev_a', ms: noon, boot, seq: 1 }))
  assert.is(beatsOf(written([once, once], true), 'dev_a').length, heartbeatBootsMax)
  const more = [...once, { d: 'dev_a', ms: noon, boot: heartbeatBootsMax + 1, seq: 1 }]
  const first = once.slice(0, 1)
  assert.is(beatsOf(written([more, first], true), 'dev_a').length, heartbeatBootsMax + 2)
})

test('a device of which nothing was kept for more than a day begins anew', () => {
  const at = (ms: number) => [{ d: 'dev_a', ms, boot: 1, seq: 1 }]
  assert.is(beatsOf(written([at(noon), at(noon + dayMs)], true), 'dev_a').length, 1)
  assert.is(beatsOf(written([at(noon), at(noon + dayMs + 1)], true), 'dev_a').length, 2)
})

test.run()

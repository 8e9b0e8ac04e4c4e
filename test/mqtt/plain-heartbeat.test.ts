import fc from 'fast-check'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { heartbeatMessage } from '../../protocol/payloads.ts'
import { plainHeartbeat } from '../../src/mqtt/plain-heartbeat.ts'

const test = suite('plain heartbeat')

const anything = fc.oneof(
  fc.integer({ min: -300, max: 300 }),
  fc.maxSafeInteger(),
  fc.double(),
  fc.string({ maxLength: 40 }),
  fc.date({ noInvalidDate: true }).map((date) => date.toISOString()),
  fc.constantFrom('2026-02-30T00:00:00.000Z', '2026-01-01T00:00:00Z', '1.4.2', -0, null, [], {}),
)
const names = [
  'battery_percent',
  'storage_used_mb',
  'signal_strength_dbm',
  'firmware_version',
  'device_state',
  'device_name',
  'connection_type',
  'pending_recordings',
  'flags',
  'boot',
  'seq',
  'at',
  'unknown',
]
const messages = fc.dictionary(fc.constantFrom(...names), anything, { maxKeys: 4 })

test('what it takes as it stands, the schema takes as it stands', () => {
  let taken = 0
  fc.assert(
    fc.property(messages, (message) => {
      const plain = plainHeartbeat(message)
      if (plain === undefined) return
      taken += 1
      assert.equal({ ...heartbeatMessage.parse(message) }, { ...plain })
    }),
    { numRuns: 20_000 },
  )
  assert.ok(taken > 1_000, `${taken}`)
})

test('the usual heartbeat is plain; a name, a list, an unknown member are for the schema', () => {
  const usual = { boot: 1, seq: 2, at: '2026-01-01T00:00:00.000Z', battery_percent: 80, flags: 16 }
  assert.is(plainHeartbeat(usual), usual)
  for (const more of [{ device_name: 'x' }, { connection_type: ['4g'] }, { x: 1 }, { boot: 'x' }])
    assert.is(plainHeartbeat({ ...usual, ...more }), undefined)
  for (const odd of [null, [], 'x', 5]) assert.is(plainHeartbeat(odd), undefined)
})

test.run()

import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { devices } from '../../projections/devices.ts'
import type { LogEvent } from '../../projections/log-event.ts'
import { ownership } from '../../projections/ownership.ts'
import { tokens } from '../../projections/tokens.ts'
import { RowBatch } from '../../src/projecting/row-batch.ts'
import { createRowCache } from '../../src/projecting/row-cache.ts'

const test = suite('what a batch has to read')

const event = (type: string, data: object = {}, revision = 1): LogEvent =>
  ({
    ...{ kind: 'device', project: 'proj_1', subject: 'dev_1', opened: null, position: 1n },
    ...{ at: '2026-11-26T12:00:00.000Z', revision, event: { type, data } },
  }) as unknown as LogEvent

const registered = event('DeviceRegistered', { model: 'bota_pin', generation: 1 }, 0)
const bound = event('DeviceBound', { binding_id: 'bind_1', end_user_id: 'eu_1' })
const unbound = event('DeviceUnbound', { binding_id: 'bind_1', end_user_id: 'eu_1' }, 2)
const issued = event('DeviceTokenIssued', { token_id: 'T', hmac: 'h', pepper_kid: 'k' })
const revoked = event('DeviceTokenRevoked', { token_ids: ['T', 'U'], reason: 'unbound' }, 3)

const idsOf = (batch: RowBatch) => batch.wanted().flatMap(({ values }) => values)

test('rows that are born are not read, also where later events of the batch touch them', () => {
  const cases = [
    [devices, [registered, bound]],
    [ownership, [bound, unbound]],
    [tokens, [issued]],
  ] as const
  for (const [projection, events] of cases) {
    const batch = new RowBatch(projection)
    batch.add(events)
    assert.equal(idsOf(batch), [], projection.name)
    batch.fold()
    assert.is(batch.changes().kept.length, 1)
  }
})

test('rows that were there before are read, unless they were used last', () => {
  const cache = createRowCache(10)
  const batch = new RowBatch(tokens, cache)
  batch.add([revoked])
  assert.equal(idsOf(batch), ['T', 'U'])
  const first = new RowBatch(tokens, cache)
  first.add([issued])
  first.wanted()
  first.fold()
  first.remember()
  const second = new RowBatch(tokens, cache)
  second.add([revoked])
  assert.equal(idsOf(second), ['U'])
  second.fold()
  assert.equal(second.changes().kept, [
    {
      ...{ id: 'T', project_id: 'proj_1', device_id: 'dev_1', hmac: 'h', pepper_kid: 'k' },
      ...{ state: 'revoked', valid_until: null },
    },
  ])
})

test.run()

import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { deviceNameCharsMax, firmwareVersionCharsMax } from '../../protocol/limits.ts'
import { bootPayloadSchema } from '../../protocol/payloads.ts'
import { heartbeatBody } from '../../protocol/requests.ts'
import { faults, refuses, takes } from './judging.ts'

const test = suite('payloads')

test('a heartbeat: every member at its limits and past them', () => {
  const limits = {
    battery_percent: [
      [0, 100],
      [-1, 101, 1.5, '80', null],
    ],
    storage_used_mb: [
      [0, 2 ** 53 - 1],
      [-1, 2 ** 53, 0.1],
    ],
    storage_total_mb: [[0], [-1, 'x']],
    signal_strength_dbm: [
      [-200, -50, 100],
      [-201, 101, -87.5],
    ],
    firmware_version: [
      ['', 'v'.repeat(firmwareVersionCharsMax)],
      ['v'.repeat(firmwareVersionCharsMax + 1), 1, 'a\0', '\ud800'],
    ],
    device_name: [['n'.repeat(deviceNameCharsMax)], ['n'.repeat(deviceNameCharsMax + 1), '\0']],
    device_state: [
      ['lowBattery', 'new state'],
      ['s'.repeat(33), 7],
    ],
    pending_recordings: [[0], [-1]],
    flags: [
      [0, 255],
      [-1, 256],
    ],
    connection_type: [
      [[], ['wifi', '4g', 'ble']],
      ['4g', ['5g'], ['wifi', 'wifi', 'wifi', 'wifi']],
    ],
    boot: [
      [0, 2 ** 53 - 1, '3f0c7a52-6b7d-4f0e-9a53-0e4c8f1d2b6a'],
      [-1, 2 ** 53, 'x', 1.5, null],
    ],
    seq: [
      [0, 2 ** 53 - 1],
      [-1, 2 ** 53, '1'],
    ],
    at: [
      [0, 1_763_805_600_000, '2026-11-22T10:00:00Z', '2026-11-22T10:00:00.1+01:00'],
      ['yesterday', -1, 1.5, '2026-11-22'],
    ],
  } as const
  for (const [field, [good, bad]] of Object.entries(limits)) {
    for (const value of good) takes(heartbeatBody, { [field]: value })
    for (const value of bad)
      assert.ok(
        faults(heartbeatBody, { [field]: value })[0]?.startsWith(field),
        `${field}: ${JSON.stringify(value)}`,
      )
  }
  assert.equal(
    heartbeatBody.parse({ boot: '3F0C7A52-6B7D-4F0E-9A53-0E4C8F1D2B6A', diagnostics: {} }),
    { boot: '3f0c7a52-6b7d-4f0e-9a53-0e4c8f1d2b6a' },
  )
})

test('a boot: every member at its limits and past them', () => {
  const text = (chars: number) => 'x'.repeat(chars)
  takes(bootPayloadSchema, {})
  takes(bootPayloadSchema, {
    firmware_version: text(firmwareVersionCharsMax),
    reset_reason: text(64),
    capabilities: Array.from({ length: 32 }, () => text(64)),
    storage_free_mb: 0,
    nonce: text(64),
    clock_synced: false,
  })
  refuses(
    bootPayloadSchema,
    { firmware_version: text(firmwareVersionCharsMax + 1) },
    'firmware_version',
  )
  refuses(bootPayloadSchema, { reset_reason: text(65) }, 'reset_reason')
  refuses(
    bootPayloadSchema,
    { capabilities: Array.from({ length: 33 }, () => 'x') },
    'capabilities',
  )
  refuses(bootPayloadSchema, { capabilities: ['x', text(65)] }, 'capabilities.1')
  refuses(bootPayloadSchema, { storage_free_mb: -1 }, 'storage_free_mb')
  refuses(bootPayloadSchema, { nonce: 7 }, 'nonce')
  refuses(bootPayloadSchema, { clock_synced: 1 }, 'clock_synced')
})

test.run()

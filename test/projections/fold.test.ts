import fc from 'fast-check'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { deviceHealth } from '../../projections/device-health.ts'
import type { LogEvent } from '../../projections/log-event.ts'
import { sessions } from '../../projections/sessions.ts'
import { tokens } from '../../projections/tokens.ts'
import type { DeviceId, NodeId, ProjectId, SessionId, TokenId } from '../../protocol/ids.ts'
import { instantOf } from '../../protocol/instant.ts'

const test = suite('folds of the read models')

const p = `proj_${'P'.repeat(22)}` as ProjectId
const d = `dev_${'D'.repeat(22)}` as DeviceId
const tok = 'T'.repeat(12) as TokenId
const node = 'N'.repeat(16) as NodeId
const hmac = 'h'.repeat(43)

const deviceEvent = (type: string, data: object, n = 1): LogEvent =>
  ({
    kind: 'device',
    event: { type, data },
    project: p,
    subject: d,
    opened: null,
    at: instantOf(n),
    revision: n,
    position: BigInt(n),
  }) as LogEvent

const beat = (
  numbers: { boot?: number; seq?: number },
  battery_percent: number,
  rx = 1,
): LogEvent => ({
  kind: 'observed',
  position: 1n,
  byDevice: new Map([
    [
      d,
      [
        {
          k: 'heartbeat',
          via: 'mqtt',
          p,
          d,
          by: tok,
          ...numbers,
          rx: instantOf(rx),
          data: { battery_percent },
        },
      ],
    ],
  ]),
  deviceNames: new Map(),
})

type Given = {
  readonly name: string
  readonly given: readonly LogEvent[]
  readonly expected: Readonly<Record<string, unknown>> | undefined
}

const registered = deviceEvent('DeviceRegistered', {})
const session = (k: 'opened' | 'closed', s: string, position: bigint): LogEvent => ({
  kind: 'sessions',
  node,
  position,
  entries: [{ k, s: s as SessionId, p, d, tok, rx: instantOf(Number(position)) }],
})

const health: readonly Given[] = [
  { name: 'health never makes a row', given: [beat({}, 5)], expected: undefined },
  {
    name: 'a registered device is silent',
    given: [registered],
    expected: { battery_percent: null, session_id: null },
  },
  {
    name: 'a heartbeat is taken',
    given: [registered, beat({}, 5)],
    expected: { battery_percent: 5, last_seen_via: 'mqtt' },
  },
  {
    name: 'a repeat is not',
    given: [registered, beat({ boot: 1, seq: 1 }, 5), beat({ boot: 1, seq: 1 }, 9)],
    expected: { battery_percent: 5 },
  },
  {
    name: 'nor is a late one',
    given: [registered, beat({ boot: 1, seq: 2 }, 5), beat({ boot: 1, seq: 1 }, 9)],
    expected: { battery_percent: 5 },
  },
  {
    name: 'a new boot replaces',
    given: [registered, beat({ boot: 1, seq: 9 }, 5), beat({ boot: 2, seq: 1 }, 9)],
    expected: { battery_percent: 9 },
  },
  {
    name: 'an older boot does not',
    given: [
      registered,
      beat({ boot: 1, seq: 1 }, 5),
      beat({ boot: 2, seq: 1 }, 9),
      beat({ boot: 1, seq: 2 }, 7),
    ],
    expected: { battery_percent: 9 },
  },
  {
    name: 'an open session',
    given: [registered, session('opened', 'a', 5n)],
    expected: { session_id: 'a', session_position: '5' },
  },
  {
    name: 'closed ends its own',
    given: [registered, session('opened', 'a', 5n), session('closed', 'a', 6n)],
    expected: { session_id: null },
  },
  {
    name: 'closed does not end a newer one',
    given: [
      registered,
      session('opened', 'a', 5n),
      session('opened', 'b', 6n),
      session('closed', 'a', 7n),
    ],
    expected: { session_id: 'b' },
  },
  {
    name: 'a lost node ends its sessions',
    given: [
      registered,
      session('opened', 'a', 5n),
      { kind: 'node-lost', node, by: node, position: 6n },
    ],
    expected: { session_id: null, presence_reason: 'node_lost' },
  },
]

for (const { name, given, expected } of health)
  test(`device health: ${name}`, () => {
    const row = given.reduce<object | undefined>(
      (now, event) => deviceHealth.fold(now, event, d),
      undefined,
    )
    if (expected === undefined) assert.is(row, undefined)
    else assert.equal({ ...row, ...expected }, row)
  })

test('device health: repeats, wherever they come, change nothing', () => {
  const numbers = fc.array(fc.record({ boot: fc.nat(2), seq: fc.nat(30) }), { maxLength: 40 })
  fc.assert(
    fc.property(numbers, fc.nat(39), (messages, at) => {
      const beats = messages.map(({ boot, seq }, i) => beat({ boot, seq }, i % 100, i))
      const again = beats.slice(0, at)
      const fold = (events: readonly LogEvent[]) =>
        [registered, ...events].reduce<object | undefined>(
          (now, event) => deviceHealth.fold(now, event, d),
          undefined,
        )
      const once = fold(beats) as { battery_percent: number }
      const withRepeats = fold([...beats, ...again]) as { battery_percent: number }
      assert.is(withRepeats.battery_percent, once.battery_percent)
    }),
  )
})

const foldToken = (id: string, events: readonly LogEvent[]) =>
  events.reduce<object | undefined>((now, event) => tokens.fold(now, event, id), undefined) as
    | { state: string }
    | undefined

test('tokens: issued, refreshed, confirmed, revoked', () => {
  const issued = deviceEvent('DeviceTokenIssued', {
    token_id: 'a',
    hmac,
    pepper_kid: 'k',
    binding_id: 'b',
  })
  const refreshed = deviceEvent(
    'DeviceTokenRefreshed',
    { token_id: 'b', hmac, pepper_kid: 'k', replaces: 'a', old_valid_until: instantOf(9) },
    2,
  )
  const confirmed = deviceEvent('DeviceTokenConfirmed', { token_id: 'b' }, 3)
  const revoked = deviceEvent('DeviceTokenRevoked', { token_ids: ['b'], reason: 'unbound' }, 4)
  assert.is(foldToken('a', [issued])?.state, 'live')
  assert.is(foldToken('a', [issued, refreshed])?.state, 'old')
  assert.is(foldToken('a', [issued, refreshed, confirmed])?.state, 'superseded')
  assert.is(foldToken('b', [refreshed])?.state, 'unconfirmed')
  assert.is(foldToken('b', [refreshed, confirmed])?.state, 'live')
  assert.is(foldToken('b', [refreshed, confirmed, revoked])?.state, 'revoked')
})

test('sessions: a row while it is open', () => {
  const fold = (...events: readonly LogEvent[]) =>
    events.reduce<object | undefined>((now, event) => sessions.fold(now, event, 'a'), undefined)
  assert.ok(fold(session('opened', 'a', 1n)))
  assert.is(fold(session('opened', 'a', 1n), session('closed', 'a', 2n)), undefined)
  assert.is(
    fold(session('opened', 'a', 1n), { kind: 'node-lost', node, by: node, position: 2n }),
    undefined,
  )
})

test.run()

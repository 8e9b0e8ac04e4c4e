import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import type { ApiKeyEvent } from '../../protocol/events/lifecycle.ts'
import { derivedId } from '../../protocol/ids.ts'
import { plusMs } from '../../protocol/instant.ts'
import {
  type ApiKey,
  apiKey,
  create,
  type KeySecret,
  revoke,
  rotate,
} from '../../src/domain/api-key.ts'
import { sealed } from './sample.ts'
import { folded, judge, type Row, second } from './table.ts'

const test = suite('API key')

const keyId = derivedId('key_', Buffer.from('backend'))
const secretOf = (name: string): KeySecret => ({
  hmac: Buffer.alloc(32, name).toString('base64url'),
  pepper_kid: '0123abcd',
  hint: `sk_test_…${name}`,
})
const created: ApiKeyEvent = {
  type: 'ApiKeyCreated',
  data: {
    key_id: keyId,
    ...secretOf('one1'),
    kind: 'restricted',
    scopes: ['devices:read'],
    sealed,
  },
}
const rotated = (name: string, seconds: number): ApiKeyEvent => ({
  type: 'ApiKeyRotated',
  data: { ...secretOf(name), old_valid_until: second(seconds) },
})
const revoked: ApiKeyEvent = { type: 'ApiKeyRevoked', data: { reason: 'requested' } }

const creating = create({
  keyId,
  kind: 'restricted',
  scopes: ['devices:read'],
  secret: secretOf('one1'),
  sealed,
})
const rotating = rotate({ secret: secretOf('two2'), overlapMs: 60_000 }, second(10))
const unknownKey = { outcome: { kind: 'refused', because: 'unknown-key' } } as const

type Outcome = ReturnType<ReturnType<typeof create | typeof rotate | typeof revoke>>['outcome']
const rows: readonly Row<Outcome, ApiKeyEvent, ApiKey>[] = [
  {
    name: 'create: a new one',
    given: [],
    when: creating,
    outcome: { kind: 'created' },
    events: [created],
    again: { outcome: { kind: 'exists' } },
  },
  {
    name: 'create: one that is there',
    given: [created],
    when: creating,
    outcome: { kind: 'exists' },
  },
  {
    name: 'create: one that was revoked',
    given: [created, revoked],
    when: creating,
    outcome: { kind: 'exists' },
  },
  { name: 'rotate: an unknown one', given: [], when: rotating, ...unknownKey },
  {
    name: 'rotate: each time is another secret',
    given: [created],
    when: rotating,
    outcome: { kind: 'rotated' },
    events: [rotated('two2', 70)],
    again: { outcome: { kind: 'rotated' }, events: [rotated('two2', 70)] },
  },
  {
    name: 'rotate: one that was revoked',
    given: [created, revoked],
    when: rotating,
    outcome: { kind: 'refused', because: 'revoked' },
  },
  { name: 'revoke: an unknown one', given: [], when: revoke(), ...unknownKey },
  {
    name: 'revoke: once',
    given: [created],
    when: revoke(),
    outcome: { kind: 'revoked' },
    events: [revoked],
    again: { outcome: { kind: 'already-revoked' } },
  },
  {
    name: 'revoke: one that was rotated',
    given: [created, rotated('two2', 70)],
    when: revoke(),
    outcome: { kind: 'revoked' },
    events: [revoked],
    again: { outcome: { kind: 'already-revoked' } },
  },
]
for (const row of rows) test(row.name, () => judge(apiKey, row))

test('at most two secrets work: the newest and the one before it', () => {
  const state = folded(apiKey, [created, rotated('two2', 70), rotated('thr3', 80)])
  assert.ok(state.status === 'active')
  if (state.status !== 'active') return
  assert.equal(state.current, secretOf('thr3'))
  assert.equal(state.old, { ...secretOf('two2'), validUntil: second(80) })
  assert.equal([state.createdAt, state.updatedAt], [second(0), second(2)])
})

test('no secret of a revoked key is old: none works', () => {
  const state = folded(apiKey, [created, rotated('two2', 70), revoked])
  assert.ok(state.status === 'revoked' && state.old === null)
})

test('without overlap the old secret ends now', () => {
  const { events } = rotate(
    { secret: secretOf('two2'), overlapMs: 0 },
    second(10),
  )(folded(apiKey, [created]))
  assert.equal(events, [rotated('two2', 10)])
  assert.is(plusMs(second(10), 0), second(10))
})

test('an event of a key that was never created changes nothing', () => {
  for (const event of [rotated('two2', 1), revoked])
    assert.equal(folded(apiKey, [event]), { status: 'unknown' })
})

test.run()

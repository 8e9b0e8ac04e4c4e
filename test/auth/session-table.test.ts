import { randomBytes } from 'node:crypto'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { newId, newSessionId, type TokenId } from '../../protocol/ids.ts'
import { instantOf } from '../../protocol/instant.ts'
import {
  sessionsPerNodeMax,
  signInsPerMinuteMax,
  takeoversPerMinuteMax,
} from '../../protocol/limits.ts'
import type { CloseReason, SessionEntry } from '../../protocol/observations.ts'
import { mintToken, tokenHmac } from '../../protocol/tokens.ts'
import { createSessionTable } from '../../src/auth/session-table.ts'
import { createSignInRate } from '../../src/auth/sign-in-rate.ts'
import { createTakeovers } from '../../src/auth/takeovers.ts'
import type { KeyTruth, TokenTruth } from '../../src/auth/truth.ts'
import { verify } from '../../src/auth/verify.ts'
import { CredentialLog } from '../support/credential-log.ts'

const test = suite('session table')

const tableOf = () => {
  const kicked: CloseReason[] = []
  return { table: createSessionTable((_session, reason) => kicked.push(reason)), kicked }
}
const truthOf = (log: CredentialLog, n: number): TokenTruth => {
  const id = log.tokenIds[n]
  const { truth } = log.readAt(id ?? ('' as TokenId), log.end)
  if (truth?.kind !== 'token') throw new Error('no such token')
  return truth
}
const id = () => newSessionId(randomBytes)
const kick = () => {}

test('a device opens so many sessions in a minute and not one more; the next minute is another', () => {
  let nowMs = 0
  const mayOpen = createSignInRate(() => nowMs)
  const [a, b] = [new CredentialLog().deviceId(0), new CredentialLog().deviceId(1)]
  for (let i = 0; i < signInsPerMinuteMax; i += 1) assert.ok(mayOpen(a))
  assert.not.ok(mayOpen(a))
  assert.ok(mayOpen(b))
  nowMs = 60_000
  assert.ok(mayOpen(a))
})

test('what stands at or before the point that a token was judged at never hits its session', () => {
  const log = new CredentialLog()
  for (const act of ['bind', 'unbind', 'bind'] as const) log.act(0, act)
  const { table, kicked } = tableOf()
  table.register({ id: id(), truth: truthOf(log, 1), asOf: log.end, kick })
  for (const event of log.events) table.follow(event)
  assert.equal(kicked, [])
  log.act(0, 'unbind')
  for (const event of log.events) table.follow(event)
  assert.equal([kicked, table.size()], [['unbound'], 0])
})

test('nor does the first use of an older token, followed late, hit one that was replaced since', () => {
  const log = new CredentialLog()
  for (const act of ['bind', 'refresh', 'confirm', 'refresh', 'confirm', 'refresh'] as const)
    log.act(0, act)
  const { table, kicked } = tableOf()
  const truth = truthOf(log, 2)
  assert.is(truth.state, 'old')
  table.register({ id: id(), truth, asOf: log.end, kick })
  for (const event of log.events) table.follow(event)
  assert.equal(kicked, [])
})

test('a session on a replaced token ends with the first use of the new one, or by the clock', () => {
  for (const how of ['confirm', 'clock'] as const) {
    const log = new CredentialLog()
    log.act(0, 'bind')
    const { table, kicked } = tableOf()
    const session = table.register({ id: id(), truth: truthOf(log, 0), asOf: log.end, kick })
    log.act(0, 'refresh')
    for (const event of log.events) table.follow(event)
    const until = session?.truth.validUntil ?? instantOf(0)
    table.sweep(until)
    assert.equal(kicked, [])
    if (how === 'confirm') log.act(0, 'confirm')
    else table.sweep(instantOf(Date.parse(until) + 1))
    for (const event of log.events) table.follow(event)
    assert.equal([how, kicked], [how, ['revoked']])
  }
})

test('a later session elsewhere takes over an earlier one here, also one that is not committed yet', () => {
  const log = new CredentialLog()
  log.act(0, 'bind')
  const { table, kicked } = tableOf()
  const session = table.register({ id: id(), truth: truthOf(log, 0), asOf: log.end, kick })
  if (!session) throw new Error('no session')
  table.overtake(session.deviceId, 50n)
  assert.equal([kicked, session.overtakenAt], [[], 50n])
  session.epoch = 60n
  table.overtake(session.deviceId, 60n)
  table.overtake(session.deviceId, 59n)
  assert.equal(kicked, [])
  table.overtake(session.deviceId, 61n)
  assert.equal(kicked, ['taken_over'])
})

test('a node holds sessionsPerNodeMax sessions, not one more', () => {
  const log = new CredentialLog()
  log.act(0, 'bind')
  const { table } = tableOf()
  const truth = truthOf(log, 0)
  const one = { truth, asOf: log.end, kick }
  let last = table.register({ ...one, id: id() })
  for (let i = 1; i < sessionsPerNodeMax; i += 1) last = table.register({ ...one, id: id() })
  assert.ok(last)
  assert.is(table.register({ ...one, id: id() }), undefined)
  if (last) assert.ok(table.end(last, 'disconnected') && !table.end(last, 'lost'))
  assert.ok(table.register({ ...one, id: id() }))
})

test('takeovers are counted within a minute; a session that was closed is not taken over', () => {
  const count = createTakeovers()
  const [p, d] = [newId('proj_', randomBytes), newId('dev_', randomBytes)]
  const tok = mintToken('dtok', randomBytes).id as SessionEntry['tok']
  const entry = (k: 'opened' | 'closed', s: SessionEntry['s'], ms: number) =>
    count({ k, s, p, d, tok, rx: instantOf(ms) })
  for (let i = 0; i < 50; i += 1) {
    const s = id()
    assert.is(entry('opened', s, i), undefined)
    assert.is(entry('closed', s, i), undefined)
  }
  for (let i = 0; i <= takeoversPerMinuteMax; i += 1)
    assert.is(entry('opened', id(), i * 100), undefined)
  assert.is(entry('opened', id(), 59_000), takeoversPerMinuteMax + 1)
  assert.is(entry('opened', id(), 200_000), undefined)
})

test('verify: every state of a token and of a key, with the right and the wrong secret', () => {
  const pepper = randomBytes(32)
  const peppers = new Map([['aaaaaaaa', pepper]])
  const log = new CredentialLog()
  log.act(0, 'bind')
  const token = mintToken('dtok', randomBytes)
  const secretOf = (one: typeof token) => ({ hmac: tokenHmac(one, pepper), pepperKid: 'aaaaaaaa' })
  const [at, past] = [instantOf(1_000), instantOf(999)]
  const base: TokenTruth = { ...truthOf(log, 0), secret: secretOf(token) }
  const tokens: readonly (readonly [Partial<TokenTruth>, string])[] = [
    [{ state: 'live' }, 'accepted'],
    [{ state: 'unconfirmed' }, 'accepted'],
    [{ state: 'old', validUntil: at }, 'accepted'],
    [{ state: 'old', validUntil: past }, 'dead'],
    [{ state: 'superseded' }, 'superseded'],
    [{ state: 'dead' }, 'dead'],
    [{ state: 'live', binding: null }, 'dead'],
    [{ secret: { ...base.secret, pepperKid: 'bbbbbbbb' } }, 'no-pepper'],
  ]
  for (const [change, verdict] of tokens)
    assert.is(
      verify(token, { ...base, ...change }, peppers, 1_000),
      verdict,
      JSON.stringify(change),
    )
  const wrong = mintToken('dtok', randomBytes, token.id)
  for (const [change] of tokens.slice(0, -1))
    assert.is(verify(wrong, { ...base, ...change }, peppers, 1_000), 'wrong-secret')

  const key = mintToken('sk_live', randomBytes)
  const old = mintToken('sk_live', randomBytes, key.id)
  const truth: KeyTruth = {
    kind: 'key',
    keyId: newId('key_', randomBytes),
    project: base.project,
    mode: 'live',
    keyKind: 'secret',
    scopes: [],
    state: 'live',
    secret: secretOf(key),
    old: { ...secretOf(old), validUntil: at },
  }
  const keys: readonly (readonly [typeof key, Partial<KeyTruth>, string])[] = [
    [key, {}, 'accepted'],
    [old, {}, 'accepted'],
    [old, { old: { ...secretOf(old), validUntil: past } }, 'dead'],
    [old, { old: null }, 'wrong-secret'],
    [key, { state: 'dead' }, 'dead'],
    [key, { mode: 'test' }, 'unknown'],
    [key, { keyKind: 'restricted' }, 'unknown'],
  ]
  for (const [presented, change, verdict] of keys)
    assert.is(verify(presented, { ...truth, ...change }, peppers, 1_000), verdict)
})

test.run()

import { randomBytes } from 'node:crypto'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { mintToken } from '../../protocol/tokens.ts'
import { authOn, boundDevice, madeKey, signIn } from '../support/sign-in.ts'
import { openStage } from '../support/stage.ts'
import { until } from '../support/until.ts'

const test = suite('sign in')
const stage = await openStage()
const project = await stage.world()
const before = await boundDevice(stage, project)
const projector = stage.projector()
const last = await stage.store.readLast(before.stream)
await projector.waitFor(last?.position ?? 0n, 5_000)
const auth = await authOn(stage)
const remote = '127.0.0.1'

const otherSecret = (id: string) => mintToken('dtok', randomBytes, id)

test('a bound device signs in, from its row and from the log alone, and the session is in the log', async () => {
  const after = await boundDevice(stage, project)
  for (const one of [before, after]) {
    const { outcome, kicks } = await signIn(auth, one.token)
    assert.is(outcome.kind, 'opened')
    if (outcome.kind !== 'opened') return
    const { session } = outcome
    assert.equal(
      [session.principal.deviceId, session.principal.endUserId, session.principal.project],
      [one.deviceId, one.endUserId, project],
    )
    assert.equal(kicks, [])
    assert.ok(session.epoch > 0n)
    assert.ok(await projector.waitFor(session.epoch, 5_000))
    const rows = await stage.db
      .selectFrom('live.sessions')
      .selectAll()
      .where('id', '=', session.id)
      .execute()
    assert.is(rows[0]?.device_id, one.deviceId)
    auth.closeSession(session.id, 'disconnected')
    auth.closeSession(session.id, 'lost')
    await until(
      async () => {
        const query = stage.db.selectFrom('live.sessions').select('id').where('id', '=', session.id)
        return (await query.execute()).length === 0
      },
      { what: 'the closed session' },
    )
  }
})

test('another form, a wrong checksum or another kind is malformed, without a look-up', async () => {
  const { text } = before.token
  const wrong = `${text.slice(0, -1)}${text.endsWith('0') ? '1' : '0'}`
  for (const one of ['', 'x', wrong, `${text}0`, mintToken('sk_live', randomBytes).text]) {
    assert.is((await auth.openSession(one, remote, () => {})).kind, 'malformed')
    assert.is((await auth.device(one, remote)).kind, 'malformed')
  }
  assert.is((await auth.key(text, remote)).kind, 'malformed')
})

test('a wrong secret of a known id is refused at once', async () => {
  const started = performance.now()
  assert.is((await auth.device(otherSecret(before.token.id).text, remote)).kind, 'wrong-secret')
  assert.is((await signIn(auth, otherSecret(before.token.id))).kind, 'wrong-secret')
  assert.ok(performance.now() - started < 1_000)
  assert.is((await auth.device(before.token.text, remote)).kind, 'accepted')
})

test('an unknown id is refused once the log was followed past the asking, and then at once', async () => {
  const unknown = mintToken('dtok', randomBytes)
  assert.is((await auth.device(unknown.text, remote)).kind, 'unknown')
  const reads = await stage.db.selectFrom('live.tokens').select('id').execute()
  assert.not.ok(reads.some(({ id }) => id === unknown.id))
  assert.is((await auth.device(unknown.text, remote)).kind, 'unknown')
})

test('a token issued just now is known: whoever asks waits for the log instead of hearing no', async () => {
  for (let i = 0; i < 10; i += 1) {
    const fresh = await boundDevice(stage, project)
    assert.is((await auth.device(fresh.token.text, remote)).kind, 'accepted')
  }
})

test('an unbind kicks the session within 250 ms, and the token is dead from then on', async () => {
  const one = await boundDevice(stage, project)
  const { kind, kicks } = await signIn(auth, one.token)
  assert.is(kind, 'opened')
  await one.unbind()
  const answered = performance.now()
  await until(() => kicks.length > 0, { what: 'the kick' })
  assert.is(kicks[0]?.reason, 'unbound')
  assert.ok((kicks[0]?.at ?? 0) - answered < 250)
  assert.is((await auth.device(one.token.text, remote)).kind, 'dead')
  assert.is((await signIn(auth, one.token)).kind, 'dead')
  assert.is((await auth.device(otherSecret(one.token.id).text, remote)).kind, 'wrong-secret')
})

test('a retired device is out, and a new binding is untouched by the end of the old one', async () => {
  const one = await boundDevice(stage, project)
  await one.unbind()
  const next = await one.bindAgain()
  const second = await signIn(auth, next)
  assert.is(second.kind, 'opened')
  assert.is((await auth.device(one.token.text, remote)).kind, 'dead')
  assert.equal(second.kicks, [])
  await one.retire()
  await until(() => second.kicks.length > 0, { what: 'the kick' })
})

test('the first use of a refreshed token is an event before the answer, and ends the old one', async () => {
  const one = await boundDevice(stage, project)
  const old = await signIn(auth, one.token)
  const next = await one.refresh(one.token)
  assert.is((await auth.device(one.token.text, remote)).kind, 'accepted')
  assert.equal(old.kicks, [])
  assert.is((await auth.device(next.text, remote)).kind, 'accepted')
  assert.is((await one.types()).at(-1), 'DeviceTokenConfirmed')
  await until(() => old.kicks.length > 0, { what: 'the end of the old session' })
  assert.is(old.kicks[0]?.reason, 'revoked')
  assert.is((await signIn(auth, one.token)).kind, 'dead')
  assert.is((await signIn(auth, next)).kind, 'opened')
  const confirmed = (await one.types()).filter((type) => type === 'DeviceTokenConfirmed')
  assert.is(confirmed.length, 1)
})

test('a superseded token that is presented again is recorded, once an hour', async () => {
  const one = await boundDevice(stage, project)
  const next = await one.refresh(one.token)
  assert.is((await signIn(auth, next)).kind, 'opened')
  for (let i = 0; i < 3; i += 1) assert.is((await auth.device(one.token.text, remote)).kind, 'dead')
  await until(async () => (await one.types()).includes('TokenReuseDetected'), { what: 'the event' })
  const reuses = (await one.types()).filter((type) => type === 'TokenReuseDetected')
  assert.is(reuses.length, 1)
})

test('the old token ends by the clock, and so does a session that runs on it', async () => {
  const one = await boundDevice(stage, project)
  const session = await signIn(auth, one.token)
  await one.refresh(one.token, 1_500)
  assert.is((await auth.device(one.token.text, remote)).kind, 'accepted')
  await until(() => session.kicks.length > 0, { what: 'the end of the session' })
  assert.is((await auth.device(one.token.text, remote)).kind, 'dead')
  assert.not.ok((await one.types()).includes('TokenReuseDetected'))
})

test('keys: kinds, worlds, rotation with an overlap, revocation', async () => {
  const secret = await madeKey(stage, project, 'sk_test')
  const restricted = await madeKey(stage, project, 'rk_test')
  const [all, some] = [
    await auth.key(secret.token.text, remote),
    await auth.key(restricted.token.text, remote),
  ]
  assert.ok(all.kind === 'accepted' && all.principal.scopes.has('audit:write'))
  assert.ok(some.kind === 'accepted')
  if (some.kind === 'accepted') assert.equal([...some.principal.scopes], ['devices:read'])
  const elsewhere = mintToken('sk_live', randomBytes, secret.token.id)
  assert.is((await auth.key(elsewhere.text, remote)).kind, 'unknown')
  const next = await secret.rotate(60_000)
  for (const one of [next, secret.token])
    await until(async () => (await auth.key(one.text, remote)).kind === 'accepted', {
      what: 'both secrets',
    })
  const newest = await secret.rotate(0)
  await until(async () => (await auth.key(next.text, remote)).kind === 'dead', {
    what: 'the end of the overlap',
  })
  assert.is((await auth.key(secret.token.text, remote)).kind, 'wrong-secret')
  assert.is((await auth.key(newest.text, remote)).kind, 'accepted')
  await secret.revoke()
  await until(async () => (await auth.key(newest.text, remote)).kind === 'dead', {
    what: 'the revocation',
  })
})

test('followed waits for a position, and gives up at its bound', async () => {
  const one = await boundDevice(stage, project)
  const { position } = (await stage.store.readLast(one.stream)) ?? { position: 0n }
  assert.ok(await auth.followed(position, 2_000))
  assert.not.ok(await auth.followed(position + 1_000_000_000n, 50))
})

test('health tells that the log is followed', () => {
  const { status, lagMs, leaseMs } = auth.health()
  assert.is(status, 'ok')
  assert.ok(lagMs < 3_000 && leaseMs < 3_000)
})

test.after(async () => {
  await auth.close()
  await projector.close()
  await stage.end()
})

test.run()

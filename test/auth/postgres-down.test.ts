import { randomBytes } from 'node:crypto'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { newEventId, newNodeId, newSessionId } from '../../protocol/ids.ts'
import { instantOf } from '../../protocol/instant.ts'
import { mintToken } from '../../protocol/tokens.ts'
import { nodeStream, sessionStream } from '../../src/store/streams.ts'
import { authOn, boundDevice, signIn } from '../support/sign-in.ts'
import { openStage } from '../support/stage.ts'
import { until } from '../support/until.ts'

const test = suite('auth and Postgres')
const stage = await openStage()
const project = await stage.world()
const remote = '127.0.0.1'

test('a node that died before this one began to follow is found by its open sessions', async () => {
  const dead = newNodeId(randomBytes)
  const one = await boundDevice(stage, project)
  const event = (type: string, data: object) => ({
    id: newEventId(randomBytes),
    type,
    data,
    metadata: {},
  })
  const alive = event('NodeAlive', { node: dead, version: '0.0.0' })
  await stage.store.append(nodeStream(dead), [alive], 'no_stream')
  const entry = {
    k: 'opened',
    s: newSessionId(randomBytes),
    p: project,
    d: one.deviceId,
    tok: one.token.id,
    rx: instantOf(Date.now()),
  }
  const opened = event('SessionsChanged', { v: 1, node: dead, entries: [entry] })
  const stream = sessionStream(dead, Date.now())
  const appended = await stage.store.append(stream, [opened], 'no_stream')
  assert.ok(appended.kind === 'appended')
  const projector = stage.projector()
  if (appended.kind === 'appended') await projector.waitFor(appended.position, 5_000)
  const auth = await authOn(stage, { leaseMsMax: 900 })
  const openOf = () =>
    stage.db.selectFrom('live.sessions').select('id').where('node', '=', dead).execute()
  assert.is((await openOf()).length, 1)
  await until(async () => (await openOf()).length === 0, { what: 'the end of its sessions' })
  assert.is((await stage.store.readLast(nodeStream(dead)))?.type, 'NodeLost')
  await auth.close()
  await projector.close()
})

test('without Postgres who was met lately goes on, revocations work, and the rest is not-now', async () => {
  const [met, session, stranger] = [
    await boundDevice(stage, project),
    await boundDevice(stage, project),
    await boundDevice(stage, project),
  ]
  const projector = stage.projector()
  const last = await stage.store.readLast(stranger.stream)
  await projector.waitFor(last?.position ?? 0n, 5_000)
  await projector.close()
  const auth = await authOn(stage)
  assert.is((await auth.device(met.token.text, remote)).kind, 'accepted')
  const signedIn = await signIn(auth, session.token)
  assert.is(signedIn.kind, 'opened')
  await stage.database.drop()
  assert.is((await auth.device(met.token.text, remote)).kind, 'accepted')
  const again = await signIn(auth, session.token)
  assert.is(again.kind, 'opened')
  assert.is((await auth.device(stranger.token.text, remote)).kind, 'not-now')
  assert.is((await auth.device(mintToken('dtok', randomBytes).text, remote)).kind, 'not-now')
  // What the log told since this node follows it needs no row.
  const fresh = await boundDevice(stage, project)
  const newest = await stage.store.readLast(fresh.stream)
  assert.ok(await auth.followed(newest?.position ?? 0n, 2_000))
  assert.is((await auth.device(fresh.token.text, remote)).kind, 'accepted')
  await session.unbind()
  await until(() => again.kicks.length > 0, { what: 'the kick' })
  assert.is((await auth.device(session.token.text, remote)).kind, 'dead')
  assert.is(auth.health().status, 'ok')
  await auth.close()
})

test.after(() => stage.end())

test.run()

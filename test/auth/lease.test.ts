import { randomBytes } from 'node:crypto'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { type NodeId, newEventId, newNodeId, newSessionId } from '../../protocol/ids.ts'
import { instantOf } from '../../protocol/instant.ts'
import { mintToken } from '../../protocol/tokens.ts'
import { nodeStream, sessionStream } from '../../src/store/streams.ts'
import { authOn, boundDevice, signIn } from '../support/sign-in.ts'
import { openStage } from '../support/stage.ts'
import { until } from '../support/until.ts'

const test = suite('lease')
const stage = await openStage()
const project = await stage.world()
const leaseMsMax = 1_200
const auth = await authOn(stage, { leaseMsMax })
const remote = '127.0.0.1'

const signal = (name: 'SIGSTOP' | 'SIGCONT'): void => {
  const pid = stage.server.pid()
  if (pid === undefined) throw new Error('the event store does not run')
  process.kill(pid, name)
}
const newest = async (node: NodeId) => stage.store.readLast(nodeStream(node))
const aliveOf = (node: NodeId) => ({
  id: newEventId(randomBytes),
  type: 'NodeAlive',
  data: { node, version: '0.0.0' },
  metadata: {},
})

test('a node that proves itself holds its lease, and says so under its incarnation', async () => {
  assert.ok(auth.lease.holds())
  const before = await newest(auth.lease.node())
  assert.is(before?.type, 'NodeAlive')
  const later = async () =>
    ((await newest(auth.lease.node()))?.revision ?? 0) > (before?.revision ?? 0)
  await until(later, { what: 'the next NodeAlive' })
  assert.is((await stage.store.readStream(nodeStream(auth.lease.node()))).length, 1)
})

test('a frozen store ends the lease: sockets are dropped, nothing is accepted; thawed, all goes on', async () => {
  const one = await boundDevice(stage, project)
  const { kind, kicks } = await signIn(auth, one.token)
  assert.is(kind, 'opened')
  const node = auth.lease.node()
  signal('SIGSTOP')
  const frozen = performance.now()
  try {
    await until(() => kicks.length > 0, { what: 'the drop' })
    assert.is(kicks[0]?.reason, 'store_down')
    const within = (kicks[0]?.at ?? 0) - frozen
    assert.ok(within > leaseMsMax / 3 && within < leaseMsMax + 250, `${within} ms`)
    assert.not.ok(auth.lease.holds())
    assert.is((await auth.device(one.token.text, remote)).kind, 'not-now')
    assert.is((await signIn(auth, one.token)).kind, 'not-now')
    assert.is(auth.health().status, 'failing')
  } finally {
    signal('SIGCONT')
  }
  await until(() => auth.lease.holds(), { what: 'the lease' })
  assert.is(auth.lease.node(), node)
  assert.is((await signIn(auth, one.token)).kind, 'opened')
  const sessions = async () => {
    const stream = sessionStream(node, Date.now())
    const events = await stage.store.readStream(stream)
    return events.flatMap(
      ({ data }) => (data as { entries: { k: string; reason?: string }[] }).entries,
    )
  }
  // What could not be said while the store was frozen is said now.
  await until(async () => (await sessions()).some(({ reason }) => reason === 'store_down'), {
    what: 'the closed entry',
  })
})

test('a killed store: the node follows again by itself', async () => {
  await stage.server.kill9()
  await until(() => !auth.lease.holds(), { what: 'the end of the lease' })
  await stage.server.restart()
  await until(() => auth.lease.holds(), { what: 'the lease' })
  const one = await boundDevice(stage, project)
  const { kind, kicks } = await signIn(auth, one.token)
  assert.is(kind, 'opened')
  await one.unbind()
  await until(() => kicks.length > 0, { what: 'the kick' })
})

test('a node that is declared lost drops everything and goes on as another incarnation', async () => {
  const one = await boundDevice(stage, project)
  const { kicks } = await signIn(auth, one.token)
  const old = auth.lease.node()
  const incarnations: NodeId[] = []
  auth.lease.onIncarnation((node) => incarnations.push(node))
  // The watcher reads the revision and appends at it; against a node that lives it may have to try again.
  await until(
    async () => {
      const last = await newest(old)
      const by = { id: newEventId(randomBytes), type: 'NodeLost', data: { by: old }, metadata: {} }
      const appended = await stage.store.append(nodeStream(old), [by], last?.revision ?? 0)
      return appended.kind === 'appended'
    },
    { what: 'the NodeLost' },
  )
  await until(() => kicks.length > 0, { what: 'the drop' })
  assert.is(kicks[0]?.reason, 'store_down')
  await until(() => auth.lease.holds(), { what: 'the new lease' })
  const node = auth.lease.node()
  assert.is.not(node, old)
  assert.equal(incarnations, [node])
  const again = await signIn(auth, one.token)
  assert.is(again.kind, 'opened')
  assert.ok((await stage.store.readStream(sessionStream(node, Date.now()))).length > 0)
  assert.is((await newest(old))?.type, 'NodeLost')
})

test('a node that falls silent is declared lost by one that is up to date, not before its lease and margin', async () => {
  const silent = newNodeId(randomBytes)
  await stage.store.append(nodeStream(silent), [aliveOf(silent)], 'no_stream')
  const seen = performance.now()
  const last = await until(
    async () => {
      const event = await newest(silent)
      return event?.type === 'NodeLost' && event
    },
    { what: 'the NodeLost' },
  )
  assert.ok(performance.now() - seen > leaseMsMax)
  assert.is((last.data as { by: string }).by, auth.lease.node())
})

const openedBy = async (node: NodeId, of: { deviceId: string; token: { id: string } }) => {
  const stream = sessionStream(node, Date.now())
  const last = await stage.store.readLast(stream)
  const entry = {
    k: 'opened',
    s: newSessionId(randomBytes),
    p: project,
    d: of.deviceId,
    tok: of.token.id,
    rx: instantOf(Date.now()),
  }
  const event = { id: newEventId(randomBytes), type: 'SessionsChanged', metadata: {} }
  const data = { v: 1, node, entries: [entry] }
  return stage.store.append(stream, [{ ...event, data }], last?.revision ?? 'no_stream')
}

test('a session that another node opened later takes over; one of a lost node does not', async () => {
  const one = await boundDevice(stage, project)
  const first = await signIn(auth, one.token)
  const lost = newNodeId(randomBytes)
  await stage.store.append(nodeStream(lost), [aliveOf(lost)], 'no_stream')
  const gone = { id: newEventId(randomBytes), type: 'NodeLost', data: { by: lost }, metadata: {} }
  await stage.store.append(nodeStream(lost), [gone], 0)
  const ignored = await openedBy(lost, one)
  assert.ok(ignored.kind === 'appended' && (await auth.followed(ignored.position, 2_000)))
  assert.equal(first.kicks, [])
  const other = newNodeId(randomBytes)
  const taken = await openedBy(other, one)
  assert.ok(taken.kind === 'appended' && (await auth.followed(taken.position, 2_000)))
  assert.equal(
    first.kicks.map(({ reason }) => reason),
    ['taken_over'],
  )
  assert.is((await signIn(auth, one.token)).kind, 'opened')
})

test('the newest session of a device wins, and the eleventh takeover in a minute ends both and is recorded', async () => {
  const one = await boundDevice(stage, project)
  const all = [await signIn(auth, one.token)]
  for (let takeovers = 1; takeovers <= 10; takeovers += 1) {
    all.push(await signIn(auth, one.token))
    assert.is(all.at(-1)?.kind, 'opened')
    assert.equal(
      all.at(-2)?.kicks.map(({ reason }) => reason),
      ['taken_over'],
    )
  }
  const { kicks } = all.at(-1) ?? { kicks: [] }
  assert.equal(kicks, [])
  const eleventh = await signIn(auth, one.token)
  await until(() => kicks.length > 0 || eleventh.kicks.length > 0, { what: 'the end of both' })
  await until(() => eleventh.kicks.some(({ reason }) => reason === 'clone_suspected'), {
    what: 'the end of the newest',
  })
  await until(async () => (await one.types()).includes('CloneSuspected'), { what: 'the event' })
})

test('the same when so many come at once that one commit holds them all', async () => {
  const one = await boundDevice(stage, project)
  const all = await Promise.all(Array.from({ length: 16 }, () => signIn(auth, one.token)))
  await until(async () => (await one.types()).includes('CloneSuspected'), { what: 'the event' })
  const open = all.filter(({ kind, kicks }) => kind === 'opened' && kicks.length === 0)
  assert.is(open.length, 0)
})

test('an address that asks for more than 120 unknown ids in a minute is heard no more, others are', async () => {
  let last = ''
  for (let i = 0; i < 121; i += 20) {
    const round = Array.from({ length: 20 }, () => mintToken('dtok', randomBytes))
    const kinds = await Promise.all(round.map(({ text }) => auth.device(text, '10.9.9.9')))
    last = kinds.at(-1)?.kind ?? ''
  }
  assert.is(last, 'not-now')
  const honest = await boundDevice(stage, project)
  assert.is((await auth.device(honest.token.text, remote)).kind, 'accepted')
})

test('an orderly stop closes the sessions and ends the incarnation', async () => {
  const node = auth.lease.node()
  const one = await boundDevice(stage, project)
  const { kicks } = await signIn(auth, one.token)
  await auth.close()
  assert.is(kicks[0]?.reason, 'node_stopping')
  assert.is((await newest(node))?.type, 'NodeLost')
  const events = await stage.store.readStream(sessionStream(node, Date.now()))
  const entries = events.flatMap(({ data }) => (data as { entries: { reason?: string }[] }).entries)
  assert.ok(entries.some(({ reason }) => reason === 'node_stopping'))
})

test.after(() => stage.end())

test.run()
